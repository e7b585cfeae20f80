"""The analyses of each step as numbers."""

from collections.abc import Iterable

from ablations.compare.analysis import SectionTable
from ablations.compare.records import StudyRecord
from ablations.robustness.metrics.analyses import (
    FIELD,
    KERNELS,
    RELATIVE_KERNELS,
    lesion_name,
)
from ablations.robustness.metrics.sets import MeasuredSet
from ablations.robustness.shown.headlines import metric_title
from ablations.robustness.shown.tables import step_title, value_cell

_SHOWN = (lesion_name(1), KERNELS, RELATIVE_KERNELS)


def analysis_table(study: StudyRecord, sets: Iterable[MeasuredSet]) -> SectionTable | None:
    """Top-1 without one block, kernel distances and areas of receptive fields; None without any.

    Mean ± standard deviation over seeds.
    """
    shown = [
        metric
        for of in sets
        if of.start == "analyses"
        for metric in of.metrics
        if metric.name in _SHOWN or metric.name.startswith(f"{FIELD},")
    ]
    if not shown:
        return None
    headings = (study.design.noun, *map(metric_title, shown))
    lines = [
        (step_title(point), *(value_cell(metric, point) for metric in shown))
        for point in study.points
    ]
    return SectionTable(headings, tuple(lines))
