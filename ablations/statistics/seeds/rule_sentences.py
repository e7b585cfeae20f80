"""What a rule for seeds did and will do, in words."""

from ablations.statistics.seeds.rule import Decision, Stage

ENOUGH = 10  # degrees of freedom of the first stage; with 12, simulated intervals cover 93 to 95 %


def stage_sentences(stage: Stage, *, failed: int = 0) -> tuple[str, ...]:
    """What the rule is, what it found after each stage, and what is trained now.

    `failed`: of the runs that the stage lacks.
    """
    rule = stage.rule
    about = (
        f"A rule decides the number of seeds: {rule.first} first, then more, up to {rule.most}, "
        f"until the 95 % interval of a difference is ±{rule.half_width:.2f} points. It reads how "
        "far the seeds of one point scatter, and no mean."
    )
    found = (_found(decision, stage) for decision in stage.decisions)
    return (about, *found, *_few(stage), *_state(stage, failed))


def _found(decision: Decision, stage: Stage) -> str:
    most, width = stage.rule.most, stage.rule.half_width
    asked = f"±{width:.2f} takes {decision.asked:,} seeds"
    if decision.asked <= decision.seeds:
        asked = "that is enough"
    elif decision.asked > most:
        asked += f", and most is {most}"
    return (
        f"After {decision.seeds} seeds a run's standard deviation is {decision.std:.2f} points "
        f"({_freedom(decision.degrees)}), so an interval is ±{decision.half_width:.2f}: "
        f"{asked}."
    )


def _few(stage: Stage) -> tuple[str, ...]:
    """A warning that the first decision stood on little."""
    degrees = stage.decisions[0].degrees if stage.decisions else ENOUGH
    if degrees >= ENOUGH:
        return ()
    return (
        f"The first decision stands on {_freedom(degrees)}: where chance makes the scatter look "
        "small the rule stops early, so that 95 % intervals cover less than they say. With "
        f"{ENOUGH} or more, by a larger `first`, that hardly shows.",
    )


def _state(stage: Stage, failed: int) -> tuple[str, ...]:
    if not stage.missing:
        return ()
    now = f"Seeds 0 to {stage.seeds - 1} are trained now (runs that are not done: {stage.missing})"
    last = stage.seeds == stage.rule.most
    then = "no more will be asked for" if last else "the rule goes on when all are done"
    sentences = [f"{now}; {then}."]
    if failed:
        sentences.append(
            f"{failed} of them failed: `ablate run` tries again, and without a point that always "
            "fails, or with a list of seeds, the study goes on."
        )
    if not last:
        sentences.append(_so_far(stage))
    return tuple(sentences)


def _so_far(stage: Stage) -> str:
    found = stage.so_far
    if found is None:
        return f"Nothing is known of the scatter before a point has its {stage.seeds} seeds."
    return (
        f"By the points that have their {stage.seeds} seeds, the standard deviation is "
        f"{found.std:.2f} points ({_freedom(found.degrees)}), and the rule would ask for "
        f"{found.asked:,} seeds."
    )


def _freedom(degrees: int) -> str:
    return f"{degrees} degree{'s' if degrees != 1 else ''} of freedom"
