"""The figure of a study of networks: names down the page, accuracy dots, GMACs and parameters.

A dot has a thin line from the axis to it and no bar: networks stand side by side, and no step leads
from one row to the next. Shades join a network and its steps.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from ablations.compare.printed import published_label
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.text import setting
from ablations.figures.panels import (
    HEAD_AND_FOOT,
    ROW_HEIGHT,
    Mark,
    accuracy_panel,
    cost_panel,
    legend,
    mark_missing,
    measured,
    name_rows,
    published,
)
from ablations.figures.style import MEASURED, PUBLISHED, SHADE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def networks_figure(study: StudyRecord, rows: Sequence[Row]) -> "Figure":
    """Draw the comparison of a study of networks. Works with any subset of the runs finished."""
    from matplotlib.figure import Figure

    printed = [published(i, row) for i, row in enumerate(rows) if row.published_top1 is not None]
    widths = [3.4, *([2.3] if printed else []), 1.3, 1.3]
    size = (1.7 + sum(widths), HEAD_AND_FOOT + ROW_HEIGHT * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(widths), sharey=True, width_ratios=widths, squeeze=False)[0]
    name_rows(panels[0], rows)
    for axes in panels:
        _shade(axes, study)
    marks = [measured(index, row) for index, row in enumerate(rows) if row.top1]
    title = f"measured\n{setting(study)}"
    accuracy_panel(panels[0], marks, MEASURED, title=title, draw=_draw_dot)
    mark_missing(panels[0], rows)
    if printed:
        title = published_label(rows)
        accuracy_panel(panels[1], printed, PUBLISHED, title=title, draw=_draw_dot)
    for axes, (title, unit, value) in zip(panels[-2:], _COSTS, strict=True):
        cost_panel(axes, rows, title=title, unit=unit, value=value)
    legend(figure, rows, marks)
    return figure


def _gmacs(row: Row) -> float | None:
    return row.gmacs


def _params(row: Row) -> float | None:
    return row.params / 1e6 if row.params else None


_COSTS = (("multiply-adds", "GMACs", _gmacs), ("parameters", "millions", _params))


def groups(study: StudyRecord) -> list[list[int]]:
    """Rows of the figure that are one network and its steps, where they follow each other."""
    numbered = enumerate(point.network for point in study.points)
    found = groupby(numbered, key=lambda pair: pair[1])
    return [[index for index, _ in group] for _, group in found]


def _shade(axes: "Axes", study: StudyRecord) -> None:
    found = groups(study)
    if len(found) == 1 or all(len(group) == 1 for group in found):
        return
    for group in found[::2]:
        axes.axhspan(group[0] - 0.5, group[-1] + 0.5, color=SHADE, linewidth=0, zorder=0)


def _draw_dot(axes: "Axes", mark: Mark, colour: str, low: float) -> None:
    axes.plot([low, mark.mean], [mark.row, mark.row], color=colour, linewidth=0.8, alpha=0.5)
    axes.plot(mark.mean, mark.row, marker="o", markersize=5, color=colour, linestyle="none")
