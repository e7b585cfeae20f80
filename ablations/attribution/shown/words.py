"""What an attribution says in sentences: its result, what it means, and what it rests on."""

from collections.abc import Iterator

from ablations.attribution.estimation.estimates import Estimate, StepWorth
from ablations.attribution.shown.cells import MARK, MODELLED, NOTE, TIMES, WORDS, interval, p_value
from ablations.attribution.study.attribute import Attribution, lacks_fit
from ablations.compare.words import plural, signed
from ablations.statistics.paired import SIGNIFICANCE

ESTIMAND = (
    "Over all orders: the mean of what a step adds over all {orders} legal orders of the {steps}, "
    "each equally likely (the Shapley value under precedence: Faigle and Kern 1992). In its own "
    "order: what it adds where the trajectory has it. Left out of all: what the network with all "
    "steps loses without it. Added to the start: what the start gains by it alone. Points of top-1 "
    "on the test split; ± is half a 95 % interval."
)


def headline(found: Attribution) -> str:
    """The step of which one order says something else than all do."""
    if found.method is None:
        return "What the steps are worth over all orders cannot be said from the finished runs."
    method = found.method
    both = [step for step in found.steps if step.cumulative and not step.cumulative.modelled]
    if not both:
        step = max(found.steps, key=lambda one: abs(one.values[method].value))
        return f"{_over(found)} “{step.title}” is worth {interval(step.values[method])}."
    step = max(both, key=lambda one: abs(_gap(found, one)))
    own = signed(step.cumulative.value) if step.cumulative else ""
    return (
        f"{_over(found)} “{step.title}” is worth {interval(step.values[method])}; in the "
        f"trajectory's own order it is {own}."
    )


def _gap(found: Attribution, step: StepWorth) -> float:
    assert found.method is not None
    assert step.cumulative is not None
    return step.values[found.method].value - step.cumulative.value


def _over(found: Attribution) -> str:
    networks = plural(len(found.networks.means), "network")
    if found.method == "exact":
        return f"Over all {found.game.lattice.orders:,} orders (all {networks})"
    if found.method == "marginal" and found.marginals is not None:
        return f"Over {len(found.marginals.by_order)} orders ({networks})"
    drawn = len(found.curves)
    of_orders = f", {plural(drawn, 'order')} of them whole" if drawn else ""
    return f"Over all {found.game.lattice.orders:,} orders, estimated from {networks}{of_orders},"


def sentences(found: Attribution) -> tuple[str, ...]:
    """All there is to say, the result first."""
    said = (
        headline(found),
        *_estimands(found),
        *_precedence(found),
        *_methods(found),
        *_sum(found),
        *_noise(found),
        *_pairs(found),
        *_sources(found),
        *_missing(found),
    )
    return tuple(sentence for sentence in said if sentence)


def _estimands(found: Attribution) -> Iterator[str]:
    steps = plural(found.game.players, "step")
    yield ESTIMAND.format(orders=f"{found.game.lattice.orders:,}", steps=steps)
    if found.game.base:
        names = found.game.line.by_name
        always = ", ".join(names[step].title for step in found.game.base)
        yield f"The start of this study has {always} already, as all of its networks have."
    singles = ((s.cumulative, s.leave_one_out, s.add_one_in) for s in found.steps)
    if any(one and one.modelled for row in singles for one in row):
        yield (
            f"{MODELLED}: not measured, since one of the two networks is not trained, but what the "
            "regression says of them."
        )
    method = found.method
    if method and any(step.values[method].p_holm is not None for step in found.steps):
        yield (
            f"{MARK} marks p ≤ {SIGNIFICANCE:g} after Holm's correction over the {steps}; the "
            "intervals are 95 % each and not corrected."
        )


def _precedence(found: Attribution) -> Iterator[str]:
    game = found.game
    for player, needed in game.needs.items():
        others = " and ".join(game.titles[other] for other in needed)
        yield (
            f"{NOTE} {game.titles[player]} needs {others}: it comes later in every order, so that "
            f"what only both bring counts as its own; it is added to {others}, and left out "
            f"together with {others} where that is left out."
        )
    for group in found.groups:
        worth = f"As one step {group.title} is worth {interval(group.value)}"
        yield f"{worth}, free of that order{_doubt(found)}."


def _doubt(found: Attribution) -> str:
    """A word on what is known by a regression alone that lacks fit; empty for other numbers."""
    doubtful = found.model is not None and lacks_fit(found.model) and "exact" in found.refused
    return ", by the regression, which lacks fit" if doubtful else ""


def _methods(found: Attribution) -> Iterator[str]:
    if found.model is not None:
        fit, runs = found.model, found.collected.runs
        yield (
            f"Regression on {plural(len(found.networks.means), 'network')} ({plural(runs, 'run')}):"
            f" main effects, and {len(fit.pairs)} effects of pairs that are shrunk to a common "
            f"standard deviation of {fit.pair_std:.2f} points; a run's noise is {fit.noise_std:.2f}"
            f" points ({fit.degrees:.0f} degrees of freedom), what the model misses included. "
            + _fit_words(found)
        )
    if found.marginals is not None:
        m = found.marginals
        kind = "pairs of mirrored orders" if m.units < len(m.by_order) else "orders"
        some = f" of {m.planned_units}" if m.units < m.planned_units else ""
        yield (
            f"Marginal means over {m.units}{some} {kind} ({len(m.by_order)} orders): no model is "
            "assumed; "
            + (
                "an interval is the t interval over them."
                if m.units > 1
                else "one has no interval."
            )
        )
    if found.method == "marginal" and found.model is not None and lacks_fit(found.model):
        yield "Since the regression lacks fit, the marginal means are the result."


def _fit_words(found: Attribution) -> str:
    test = found.model.lack_of_fit if found.model else None
    if test is None:
        return (
            "No network has runs of several seeds that could say whether the model fits "
            "(no pure error)."
        )
    verdict = (
        "it lacks fit, effects of three steps and more matter"
        if test.p < SIGNIFICANCE
        else "no lack of fit is seen"
    )
    degrees = f"{test.degrees:.0f} and {test.pure_degrees} degrees of freedom"
    weak = ", few to see one" if test.pure_degrees < 10 and test.p >= SIGNIFICANCE else ""
    return f"Lack of fit: p = {test.p:.3f} ({degrees}{weak}): {verdict}."


def _sum(found: Attribution) -> Iterator[str]:
    if found.total is None:
        return
    measured = (
        f"all steps minus none is {interval(found.measured)} as trained"
        if found.measured
        else "the end or the start is not trained"
    )
    yield f"The values of the steps sum to {interval(found.total)}; {measured}."


def _noise(found: Attribution) -> Iterator[str]:
    networks = found.networks
    if networks.noise_std is None:
        yield (
            "No network has runs of two seeds and too few networks are trained to tell noise from "
            "effects: there are no intervals."
        )
    elif not networks.replicated:
        yield (
            "No network has runs of two seeds: there is no pure error, and the intervals rest on "
            f"what the regression leaves over ({networks.noise_std:.2f} points a run)."
        )
    else:
        yield (
            "Differences of two trained networks have intervals from the noise of "
            f"{plural(networks.replicated, 'network')} with several seeds "
            f"({networks.noise_std:.2f} points a run)."
        )


def _pairs(found: Attribution) -> Iterator[str]:
    known = [pair for pair in found.interactions if pair.best]
    if not known:
        return
    clear = [
        pair
        for pair in known
        if pair.best and pair.best.p_holm is not None and pair.best.p_holm <= SIGNIFICANCE
    ]
    names = "; ".join(
        f"{pair.titles[0]} {TIMES} {pair.titles[1]} {interval(pair.best)} (p {_p(pair.best)})"
        for pair in clear
    )
    what = (
        "An interaction is what two steps are worth together beyond the sum of both, over the sets "
        f"that legal orders pass{_doubt(found)}"
    )
    if clear:
        yield f"{what}. Clear after Holm's correction over {plural(len(known), 'pair')}: {names}."
    else:
        yield f"{what}. None of {plural(len(known), 'pair')} is clear after Holm's correction."


def _p(found: Estimate | None) -> str:
    return p_value(found).removesuffix(f" {MARK}")


def _sources(found: Attribution) -> Iterator[str]:
    own, *others = found.collected.sources.items()
    if others:
        named = ", ".join(f"{count} of {name}" for name, count in others)
        yield (
            f"Of {plural(found.collected.runs, 'run')} {own[1]} are this study's; {named} are of "
            "the same trajectory, data and recipe."
        )


def _missing(found: Attribution) -> Iterator[str]:
    study = found.study
    missing = sum(not run.done for run in study.runs)
    if missing:
        yield f"{missing} of the study's {plural(len(study.runs), 'run')} are not finished."
    if found.method is None:
        for method, reason in found.refused.items():
            yield f"Not by {WORDS[method]}: {reason}."
        yield "What stands in the table are differences of networks that are trained."
    elif found.model is None and "regression" in found.refused and found.method != "exact":
        yield f"Not by regression: {found.refused['regression']}."
    drawn = len(study.orders) - 1
    whole = len(found.curves)
    if drawn > 0 and whole < drawn:
        yield f"{whole} of {plural(drawn, 'sampled order')} are trained from start to end."
