"""What an attribution says, as the cells of its tables."""

from collections.abc import Sequence

from ablations.attribution.estimation.estimates import Estimate, Interaction, Method, StepWorth
from ablations.attribution.study.attribute import Attribution
from ablations.compare.analysis import SectionTable
from ablations.compare.words import signed
from ablations.files.markup import NOTHING
from ablations.statistics.paired import SIGNIFICANCE

MARK, NOTE, TIMES = "*", "\N{DAGGER}", "\N{MULTIPLICATION SIGN}"
MODELLED = "~"  # before a difference that is not measured
MOST_PAIRS = 8  # rows of the table of pairs


def by_value(found: Attribution) -> list[StepWorth]:
    """The steps, the largest value first; in the trajectory's order where there is none."""
    method = found.method
    if method is None:
        return list(found.steps)
    return sorted(found.steps, key=lambda step: -step.values[method].value)


def steps_table(found: Attribution) -> SectionTable:
    """A row a step, and one for their sum."""
    method, other = found.method, _check(found)
    heads = ["step"]
    if method is not None:
        heads += ["over all orders [95 %]", "Holm p"]
    heads += [f"by {WORDS[other]}"] if other is not None else []
    heads += ["in its own order", "left out of all", "added to the start"]
    rows = [_step_cells(found, step, other) for step in by_value(found)]
    return SectionTable(tuple(heads), tuple(map(tuple, [*rows, _sum_cells(found, other)])))


WORDS: dict[Method, str] = {
    "exact": "exact means",
    "regression": "regression",
    "marginal": "marginal means",
}


def _check(found: Attribution) -> Method | None:
    """Another method that says the same numbers; the marginal means where they are there."""
    order: Sequence[Method] = ("marginal", "regression")
    known = found.steps[0].values if found.steps else {}
    return next((m for m in order if m in known and m != found.method), None)


def _step_cells(found: Attribution, step: StepWorth, other: Method | None) -> list[str]:
    cells = [step.title]
    if found.method is not None:
        value = step.values[found.method]
        cells += [interval(value), p_value(value)]
    cells += [plus_minus(step.values[other])] if other is not None else []
    left = _noted(plus_minus(step.leave_one_out), step.left_out_with)
    added = _noted(plus_minus(step.add_one_in), step.added_to)
    return [*cells, plus_minus(step.cumulative), left, added]


def _noted(cell: str, others: Sequence[str]) -> str:
    return f"{cell} {NOTE}" if others and cell != NOTHING else cell


def _sum_cells(found: Attribution, other: Method | None) -> list[str]:
    cells = ["sum"]
    if found.method is not None:
        cells += [interval(found.total), ""]
    if other is not None:
        cells.append(signed(sum(step.values[other].value for step in found.steps)))
    whole = all(step.cumulative and not step.cumulative.modelled for step in found.steps)
    return [*cells, plus_minus(found.measured) if whole else NOTHING, "", ""]


def pairs_table(found: Attribution) -> SectionTable | None:
    """The pairs with the clearest interactions; None where nothing is known of any."""
    known = sorted((pair for pair in found.interactions if pair.best), key=_clearness)
    if not known:
        return None
    heads, rows = ["pair"], [[f"{p.titles[0]} {TIMES} {p.titles[1]}"] for p in known[:MOST_PAIRS]]
    if any(pair.model for pair in known):
        heads += ["interaction, by regression [95 %]", "Holm p"]
        for row, pair in zip(rows, known, strict=False):
            row += [interval(pair.model), p_value(pair.model)]
    if any(pair.measured for pair in known):
        heads += ["as measured [95 %]", "Holm p", "at sets"]
        for row, pair in zip(rows, known, strict=False):
            sets = str(pair.sets) if pair.measured else NOTHING
            row += [interval(pair.measured), p_value(pair.measured), sets]
    return SectionTable(tuple(heads), tuple(map(tuple, rows)))


def _clearness(pair: Interaction) -> float:
    best = pair.best
    if best is None or best.error is None:
        return -abs(best.value if best else 0.0)
    return -abs(best.value) / best.error if best.error else -float("inf")


def interval(found: Estimate | None) -> str:
    """`+0.50 [+0.10, +0.90]`, without the interval where there is none."""
    if found is None:
        return NOTHING
    if found.low is None or found.high is None:
        return signed(found.value)
    return f"{signed(found.value)} [{signed(found.low)}, {signed(found.high)}]"


def plus_minus(found: Estimate | None) -> str:
    """`+0.50 ± 0.40` with half the interval."""
    if found is None:
        return NOTHING
    value = (MODELLED if found.modelled else "") + signed(found.value)
    return value if found.half_width is None else f"{value} ± {found.half_width:.2f}"


def p_value(found: Estimate | None) -> str:
    """Holm's p, marked where it is at most .05."""
    if found is None or found.p_holm is None:
        return NOTHING
    text = "< .001" if found.p_holm < 0.001 else f"{found.p_holm:.3f}"
    return text + (f" {MARK}" if found.p_holm <= SIGNIFICANCE else "")
