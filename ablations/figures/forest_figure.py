"""Every difference with its 95 % interval (a forest plot), beside the published difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.compare.cells import difference
from ablations.compare.differences import published_difference
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.text import setting
from ablations.figures.panels import HEAD_AND_FOOT, ROW_HEIGHT, name_rows
from ablations.figures.style import FAINT, INK, MEASURED, PUBLISHED, SMALL, Style, bare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUMBERS = 0.40  # of the width of the axes, right of the longest interval
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
    figure = Figure(figsize=(7.4, HEAD_AND_FOOT + ROW_HEIGHT * len(lines)), layout="constrained")
    axes = figure.subplots()
    name_rows(axes, [line.row for line in lines])
    bare(axes)
    axes.set_title(f"measured: {setting(study)}", loc="left", fontsize=SMALL + 0.5, pad=8)
    axes.set_xlabel(f"difference to {study.design.compared_with} (points of top-1)", fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    low, high = _range(lines)
    span = high - low
    axes.set_xlim(low - 0.03 * span, low + span / (1 - _NUMBERS))
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high])
    axes.spines["bottom"].set_bounds(low - 0.03 * span, high)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    for index, line in enumerate(lines):
        _draw(axes, index, line, text_at=high + 0.04 * span)
    _legend(figure, lines)
    return figure


def _range(lines: Sequence[Line]) -> tuple[float, float]:
    """Where the marks and intervals begin and end; 0 is among them."""
    ends = [0.0]
    for line in lines:
        row = line.row
        ends += [e for e in (row.delta, row.delta_low, row.delta_high, line.published) if e]
    low, high = min(ends), max(ends)
    return (low, high) if high - low > 1e-9 else (-1.0, 1.0)


def _draw(axes: "Axes", index: int, line: Line, *, text_at: float) -> None:
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
    beside: Style = {"va": "center", "fontsize": SMALL, "color": INK if row.stands_out else FAINT}
    axes.text(text_at, index, _numbers(row), **beside)


def _numbers(row: Row) -> str:
    p = row.delta_p_holm
    if p is None:
        return difference(row)
    return f"{difference(row)}   p {'< .001' if p < 0.001 else f'= {p:.3f}'.replace('0.', '.')}"


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
        label = "does not" if entries else "measured"
        entries.append(Line2D([], [], label=label, **_measured("white")))
    if any(line.row.delta_low is not None for line in lines):
        entries.append(Line2D([], [], color=MEASURED, linewidth=1.3, label="95 % interval"))
    if any(line.published is not None for line in lines):
        entries.append(Line2D([], [], label="published difference", **_PUBLISHED))
    place: Style = {"loc": "outside lower left", "ncols": len(entries), "frameon": False}
    figure.legend(handles=entries, fontsize=SMALL, **place)
