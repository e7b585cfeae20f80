"""What a study says of robustness, as a sentence."""

from ablations.studies.robustness.config import RobustnessConfig


def planned_sentence(config: RobustnessConfig, *, ask: str) -> str | None:
    """What the networks would be asked once they are trained; None: nothing.

    Args:
        config: of the study.
        ask: the command that does it, as it is typed.
    """
    if not config.suite:
        return None
    suites = " and ".join(config.suite)
    images = "" if config.images is None else f" with {config.images:,} test images"
    when = f"`ablate run` does so at its end, and {ask}" if config.after_run else ask
    return f"Robustness: once trained, networks are asked under suite {suites}{images}: {when}."
