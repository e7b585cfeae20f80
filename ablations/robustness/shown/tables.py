"""The tables of the report's section: each step, its changes, and its changes by corruption."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from math import isclose, isnan

from ablations.compare.analysis import SectionTable
from ablations.compare.records import PointRecord, StudyRecord
from ablations.compare.words import signed
from ablations.files.markup import NOTHING
from ablations.robustness.metrics.changes import Cell, corruption_changes
from ablations.robustness.metrics.metric import Metric, MetricChange, metric_changes
from ablations.robustness.metrics.sets import MeasuredSet
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import condition_title
from ablations.robustness.shown.headlines import Headline
from ablations.statistics.paired import sample


def step_table(
    study: StudyRecord,
    shown: Sequence[Headline],
    *,
    published: Sequence[Mapping[str, str]] = (),
) -> SectionTable | None:
    """Each point of the study, and its values: mean ± standard deviation over seeds.

    A point that was not evaluated has dashes.

    Args:
        study: whose points these are.
        shown: the columns.
        published: for each column the published values by point; one with any has a column beside
            it.
    """
    if not shown:
        return None
    headings, cells = [study.design.noun], [[step_title(point)] for point in study.points]
    for one, beside in zip_longest(shown, published, fillvalue=None):
        assert one is not None
        headings += [one.heading, *(["published"] if beside else [])]
        for line, point in zip(cells, study.points, strict=True):
            printed = [beside.get(point.label, NOTHING)] if beside else []
            line.extend([value_cell(one.metric, point), *printed])
    return SectionTable(tuple(headings), tuple(map(tuple, cells)))


def value_cell(metric: Metric, point: PointRecord) -> str:
    """Mean ± standard deviation over seeds, with their number where not all have a value."""
    values = list(metric.values.get(point.label, {}).values())
    found = sample(values)
    if found.mean is None:
        return NOTHING
    if metric.divided and all(isclose(value, 100) for value in values):
        return "100"  # by itself
    text = signed(found.mean, digits=metric.decimals).removeprefix("+")
    text += "" if found.std is None else f" ± {found.std:.{metric.decimals}f}"
    return text if found.n >= len(point.done) else f"{text} ({found.n} of {len(point.done)})"


def metric_change_table(study: StudyRecord, shown: Sequence[Headline]) -> SectionTable | None:
    """The change of each point from what it is compared with, over seeds and over images."""
    each = [(one, metric_changes(study, one.metric)) for one in shown if one.main]
    columns = [column for one, changes in each for column in _columns(one, changes)]
    titles = {point.label: point.title for point in study.points}
    compared = {label: one.reference for _, changes in each for label, one in changes.items()}
    lines = [
        (
            step_title(point),
            titles[compared[point.label]],
            *(cells.get(point.label, NOTHING) for _, cells in columns),
        )
        for point in study.points
        if point.label in compared
    ]
    headings = (study.design.noun, "compared with", *(heading for heading, _ in columns))
    return SectionTable(headings, tuple(lines), left=2) if lines else None


def _columns(
    one: Headline, changes: Mapping[str, MetricChange]
) -> list[tuple[str, dict[str, str]]]:
    """The difference, its error over images and McNemar's p, as far as any point has them."""
    digits = one.metric.decimals
    interval = " [95 %]" if any(change.low is not None for change in changes.values()) else ""
    deltas = {label: change_cell(change, digits=digits) for label, change in changes.items()}
    errors = {
        label: f"{change.images_error:.{digits}f}"
        for label, change in changes.items()
        if change.images_error is not None
    }
    tests = {
        label: f"{change.mcnemar_p:.2g}"
        for label, change in changes.items()
        if change.mcnemar_p is not None
    }
    heading = one.heading.replace("(%", "(points")  # a difference of percentages
    every = [(f"Δ {heading}{interval}", deltas), ("std. error: images", errors)]
    every += [("McNemar p", tests)]
    return [column for column in every if column[1]]


def change_cell(change: MetricChange, *, digits: int) -> str:
    """`+0.50 [+0.10, +0.90]`, without the interval where there is none."""
    text = signed(change.delta, digits=digits)
    if change.low is None or change.high is None:
        return text
    low, high = (signed(end, digits=digits) for end in (change.low, change.high))
    return f"{text} [{low}, {high}]"


def corruption_table(study: StudyRecord, found: Collected, of: MeasuredSet) -> SectionTable | None:
    """How top-1 changed under each corruption, in points; plus is better."""
    if of.grid is None:
        return None
    changes = corruption_changes(study, found, of.grid)
    if not changes.cells:
        return None
    points = {point.label: point for point in study.points}
    headings = [f"{of.title}, Δ top-1 (points)"]
    headings += [
        ": ".join(filter(None, (column.group, condition_title(column.name))))
        for column in changes.columns
    ]
    headings[-1] += " ± std. error: images"
    lines = [
        (step_title(points[label]), *map(_change, cells[:-1]), _with_error(cells[-1]))
        for label, cells in changes.cells.items()
    ]
    return SectionTable(tuple(headings), tuple(lines))


def _change(cell: Cell) -> str:
    return signed(cell.value, digits=1)


def _with_error(cell: Cell) -> str:
    return signed(cell.value) + ("" if isnan(cell.error) else f" ± {cell.error:.2f}")


def step_title(point: PointRecord) -> str:
    """A point as rows are called; one that the study did not go on with in brackets."""
    return point.title if point.on_main_line else f"({point.title})"
