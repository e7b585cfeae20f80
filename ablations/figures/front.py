"""Which networks are on the front of accuracy against cost, as far as the noise lets one say so."""

from collections.abc import Callable, Mapping, Sequence

from ablations.compare.row import Row
from ablations.statistics.moderated import StudyVariance, difference, study_variance

CostOf = Callable[[Row], float | None]


def dominated(rows: Sequence[Row], cost: CostOf) -> Mapping[str, str] | None:
    """Networks that are not on the front, each with the best one that keeps it off.

    A network is off the front where one that costs no more is better by more than the noise: the
    95 % interval of their difference lies above 0. Means alone decide nothing. None where no
    network has a second seed, so that there are no intervals.
    """
    values = {row.point: row.top1 for row in rows if row.top1}
    noise = study_variance(values)
    if noise is None:
        return None
    known = [(row, price) for row in rows if row.top1 and (price := cost(row)) is not None]
    found = {}
    for row, price in known:
        cheaper = [other for other, theirs in known if theirs <= price and other is not row]
        better = [other for other in cheaper if _is_better(other, row, noise)]
        if better:
            found[row.point] = max(better, key=lambda other: other.top1_mean or 0.0).point
    return found


def _is_better(row: Row, than: Row, noise: StudyVariance) -> bool:
    """Whether a row's difference to another lies above 0 with its whole interval."""
    if (row.top1_mean or 0.0) <= (than.top1_mean or 0.0):
        return False  # spares most of the intervals
    values = {one.point: one.top1 for one in (row, than)}
    found = difference(values, row.point, than.point, noise)
    return found is not None and found.low > 0
