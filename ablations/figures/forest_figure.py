"""Every difference with its 95 % interval (a forest plot), beside the published difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.compare.cells import difference
from ablations.compare.differences import published_difference
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.text import setting
from ablations.compare.words import p_value
from ablations.figures.panels import HEAD_AND_FOOT, LETTER, ROW_HEIGHT, name_rows, set_title
from ablations.figures.style import (
    FAINT,
    FONT_SIZE,
    INK,
    MEASURED,
    PUBLISHED,
    SHADE,
    SMALL,
    Style,
    bare,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTHS = (5.2, 1.9)  # inches of marks and of numbers
_APART = 0.24  # of a row, by which the published mark lies below the measured one


@dataclass(frozen=True)
class Line:
    """One line of the plot, in points of top-1; None: not known."""

    row: Row
    published: float | None


def compared_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows that have a difference, in the order of the design."""
    return [row for row in rows if row.delta is not None]


def forest_figure(study: StudyRecord, rows: Sequence[Row]) -> "Figure":
    """Draw every difference that is known; at least one must be."""
    from matplotlib.figure import Figure

    lines = [Line(row, published_difference(row, rows)) for row in compared_rows(rows)]
    rows = [line.row for line in lines]
    widest = max(len(short(row.title)) for row in rows) * LETTER * FONT_SIZE / 72
    size = (widest + sum(_WIDTHS), HEAD_AND_FOOT + ROW_HEIGHT * len(lines))
    figure = Figure(figsize=size, layout="constrained")
    axes, numbers = figure.subplots(1, 2, sharey=True, width_ratios=_WIDTHS)
    for panel in (axes, numbers):
        bare(panel)
        for index in range(0, len(lines), 2):
            panel.axhspan(index - 0.5, index + 0.5, color=SHADE, linewidth=0, zorder=-1)
    name_rows(axes, rows)
    _scale(axes, *_range(lines), reference=study.design.compared_with)
    set_title(axes, f"measured\n{setting(study)}")
    _text(numbers, rows)
    for index, line in enumerate(lines):
        _draw(axes, index, line)
    _legend(figure, lines)
    return figure


def _scale(axes: "Axes", low: float, high: float, *, reference: str) -> None:
    room = 0.03 * (high - low)
    axes.set_xlim(low - room, high + room)
    axes.set_xlabel(f"difference to {reference} (points of top-1)", fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)


def _text(axes: "Axes", rows: Sequence[Row]) -> None:
    """The numbers beside the marks."""
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    tested = any(row.delta_p_holm is not None for row in rows)
    axes.set_title(
        f"Δ [95 %]{', p after correction' if tested else ''}", loc="left", fontsize=SMALL, pad=8
    )
    for index, row in enumerate(rows):
        colour = INK if row.stands_out else FAINT
        axes.text(0.02, index, _numbers(row), va="center", fontsize=SMALL, color=colour)


def _range(lines: Sequence[Line]) -> tuple[float, float]:
    """Where the marks and intervals begin and end; 0 is among them."""
    ends = [0.0]
    for line in lines:
        row = line.row
        ends += [e for e in (row.delta, row.delta_low, row.delta_high, line.published) if e]
    low, high = min(ends), max(ends)
    return (low, high) if high - low > 1e-9 else (-1.0, 1.0)


def _draw(axes: "Axes", index: int, line: Line) -> None:
    row = line.row
    if row.delta is None:
        return
    if row.delta_low is not None and row.delta_high is not None:
        whisker: Style = {"color": MEASURED, "linewidth": 1.3, "solid_capstyle": "butt"}
        axes.plot([row.delta_low, row.delta_high], [index, index], zorder=2, **whisker)
    if not row.equal_predictions:
        face = MEASURED if row.stands_out else "white"
        axes.plot(row.delta, index, zorder=3, **_measured(face))
    if line.published is not None:
        axes.plot(line.published, index + _APART, zorder=2, **_PUBLISHED)


def _numbers(row: Row) -> str:
    p = row.delta_p_holm
    if p is None:
        return difference(row)
    return f"{difference(row)}   {p_value(p)}"


def _measured(face: str) -> Style:
    style: Style = {"marker": "s", "markersize": 5, "linestyle": "none"}
    return {**style, "markerfacecolor": face, "markeredgecolor": MEASURED, "markeredgewidth": 1.2}


_PUBLISHED: Style = {
    "marker": "D",
    "markersize": 3.6,
    "linestyle": "none",
    "markerfacecolor": "white",
    "markeredgecolor": PUBLISHED,
    "markeredgewidth": 1.0,
}


def _legend(figure: "Figure", lines: Sequence[Line]) -> None:
    """What filled and hollow marks and lines mean, where there are any."""
    from matplotlib.lines import Line2D

    entries = []
    if any(line.row.stands_out for line in lines):
        label = "stands after Holm's correction"
        entries.append(Line2D([], [], label=label, **_measured(MEASURED)))
    if any(not line.row.stands_out and not line.row.equal_predictions for line in lines):
        label = "does not stand" if entries else "measured"
        entries.append(Line2D([], [], label=label, **_measured("white")))
    if any(line.row.delta_low is not None for line in lines):
        entries.append(Line2D([], [], color=MEASURED, linewidth=1.3, label="95 % interval"))
    if any(line.published is not None for line in lines):
        entries.append(Line2D([], [], label="published difference", **_PUBLISHED))
    place: Style = {"loc": "outside lower left", "ncols": len(entries), "frameon": False}
    figure.legend(handles=entries, fontsize=SMALL, **place)
