"""The figure of a trajectory: steps down the page, accuracy bars, GMACs beside them.

After Figure 2 of arXiv 2201.03545.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablations.compare.printed import published_label
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.text import setting
from ablations.figures.panels import (
    HATCH,
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
from ablations.figures.style import MEASURED, PUBLISHED, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def steps_figure(study: StudyRecord, rows: Sequence[Row]) -> "Figure":
    """Draw the comparison of a study. Works with any subset of the runs finished."""
    from matplotlib.figure import Figure

    printed = [published(i, row) for i, row in enumerate(rows) if row.published_top1 is not None]
    beside = study.design.is_line and bool(printed)
    widths = [3.6, 2.7, 1.5] if beside else [3.6, 1.5]
    size = (1.7 + sum(widths), HEAD_AND_FOOT + ROW_HEIGHT * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(widths), sharey=True, width_ratios=widths, squeeze=False)[0]
    name_rows(panels[0], rows)
    marks = [measured(index, row) for index, row in enumerate(rows) if row.top1]
    title = f"measured\n{setting(study)}"
    accuracy_panel(panels[0], marks, MEASURED, title=title, draw=_draw_bar)
    mark_missing(panels[0], rows)
    if beside:
        title = published_label(rows)
        accuracy_panel(panels[1], printed, PUBLISHED, title=title, draw=_draw_bar)
    cost_panel(panels[-1], rows, title="cost", unit="GMACs", value=lambda row: row.gmacs)
    legend(figure, rows, marks)
    return figure


def _draw_bar(axes: "Axes", mark: Mark, colour: str, low: float) -> None:
    from matplotlib.colors import to_rgba

    # The face is the edge's hue thinned out, so that dots and whiskers on it stay visible.
    face = "none" if mark.tried else to_rgba(colour, 0.35)
    style: Style = {"facecolor": face, "edgecolor": colour, "linewidth": 0.8}
    hatch = HATCH if mark.tried else ""
    axes.barh(mark.row, mark.mean - low, left=low, height=0.66, hatch=hatch, **style)
