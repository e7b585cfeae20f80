"""The figure of a trajectory: steps down the page, accuracy bars, GMACs beside them.

After Figure 2 of arXiv 2201.03545. Accuracy bars begin near the lowest one, or small
differences could not be seen; the break mark and the axis label say where.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.report.comparison import Row
from ablations.report.records import CUMULATIVE, Study
from ablations.report.style import (
    COST,
    FAINT,
    FONT_SIZE,
    INK,
    MEASURED,
    PUBLISHED,
    SMALL,
    TRIED,
    Style,
    bare,
)
from ablations.report.tables import number, plus_minus
from ablations.report.text import published_label, setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_HEIGHT, HEAD_AND_FOOT = 0.27, 1.35  # inches
HATCH = "/////"


@dataclass(frozen=True)
class Bar:
    """One bar of an accuracy panel: its row of the figure, mean, std, one value a seed, text."""

    row: int
    mean: float
    std: float | None
    values: tuple[float, ...]
    text: str
    hatched: bool


def steps_figure(study: Study, rows: Sequence[Row]) -> "Figure":
    """Draw the comparison of a study. Works with any subset of the runs finished."""
    from matplotlib.figure import Figure

    published = study.kind == CUMULATIVE and any(row.published_top1 is not None for row in rows)
    widths = [3.6, 2.7, 1.5] if published else [3.6, 1.5]
    size = (1.7 + sum(widths), HEAD_AND_FOOT + ROW_HEIGHT * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(widths), sharey=True, width_ratios=widths, squeeze=False)[0]
    _name_rows(panels[0], rows)
    measured = [_measured(index, row) for index, row in enumerate(rows) if row.top1]
    printed = [_printed(i, row) for i, row in enumerate(rows) if row.published_top1 is not None]
    _accuracy_panel(panels[0], measured, MEASURED, title=f"measured\n{setting(study)}")
    _mark_missing(panels[0], rows)
    if published:
        _accuracy_panel(panels[1], printed, PUBLISHED, title=published_label(study))
    _cost_panel(panels[-1], rows)
    _legend(figure, rows, measured)
    return figure


def _name_rows(axes: "Axes", rows: Sequence[Row]) -> None:
    """Titles down the left side; what was not adopted is set back and in grey."""
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(INK if row.adopted else FAINT)
        label.set_fontsize(FONT_SIZE if row.adopted else SMALL)


def _measured(index: int, row: Row) -> Bar:
    mean = row.top1_mean or 0.0
    text = plus_minus(mean, row.top1_std)
    missing = row.planned_seeds - row.seeds
    text += f"  ({row.seeds} of {row.planned_seeds} seeds)" if missing else ""
    return Bar(index, mean, row.top1_std, tuple(row.top1.values()), text, not row.adopted)


def _printed(index: int, row: Row) -> Bar:
    mean = row.published_top1 or 0.0
    text = plus_minus(mean, row.published_std)
    return Bar(index, mean, row.published_std, (), text, not row.adopted)


def _accuracy_panel(axes: "Axes", bars: Sequence[Bar], colour: str, *, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=SMALL + 0.5, pad=8)
    bare(axes)
    if not bars:
        axes.set_xticks([])
        return
    low, high = _range(bars)
    axes.set_xlim(low, low + (high - low) * 1.5)  # the last third is for the numbers
    for bar in bars:
        _draw_bar(axes, bar, colour, low=low, gap=(high - low) * 0.03)
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high])
    axes.set_xlabel(f"top-1 (%), axis begins at {low:g}", fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    mark: Style = {
        "marker": [(-0.6, -1), (0.6, 1)],
        "markersize": 7,
        "color": INK,
        "clip_on": False,
    }
    if low > 0:
        axes.plot([0.012, 0.028], [0, 0], transform=axes.transAxes, linestyle="none", **mark)


def _range(bars: Sequence[Bar]) -> tuple[float, float]:
    """Where the axis begins (a round number) and where the longest whisker ends, in percent."""
    ends = [value for bar in bars for value in (*bar.values, bar.mean)]
    ends += [bar.mean + sign * bar.std for bar in bars if bar.std for sign in (-1, 1)]
    spread = max(max(ends) - min(ends), 0.1)
    unit = next(u for u in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if spread <= 10 * u or u == 10)
    begin = int((min(ends) - 0.2 * spread) / unit) * unit
    return max(0.0, round(begin, 6)), max(ends)


def _draw_bar(axes: "Axes", bar: Bar, colour: str, *, low: float, gap: float) -> None:
    from matplotlib.colors import to_rgba

    # The face is the edge's hue thinned out, so that dots and whiskers on it stay visible.
    face = "none" if bar.hatched else to_rgba(colour, 0.35)
    style: Style = {"facecolor": face, "edgecolor": colour, "linewidth": 0.8}
    axes.barh(
        bar.row, bar.mean - low, left=low, height=0.66, hatch=HATCH if bar.hatched else "", **style
    )
    if bar.std is not None:
        axes.errorbar(
            bar.mean, bar.row, xerr=bar.std, color=INK, capsize=2, linewidth=0.9, capthick=0.9
        )
    dots: Style = {"linestyle": "none", "marker": "o", "markersize": 2.2}
    if len(bar.values) > 1:
        below = [bar.row + 0.2] * len(bar.values)  # the whisker stays visible above them
        axes.plot(bar.values, below, color=INK, zorder=3, **dots)
    end = max(bar.mean + (bar.std or 0), *bar.values, bar.mean)
    axes.text(end + gap, bar.row, bar.text, va="center", fontsize=SMALL)


def _mark_missing(axes: "Axes", rows: Sequence[Row]) -> None:
    for index, row in enumerate(rows):
        if not row.top1:
            place: Style = {
                "transform": axes.get_yaxis_transform(),
                "va": "center",
                "fontsize": SMALL,
            }
            axes.text(0.02, index, "no finished run", style="italic", color=FAINT, **place)


def _cost_panel(axes: "Axes", rows: Sequence[Row]) -> None:
    axes.set_title("cost", loc="left", fontsize=SMALL + 0.5, pad=8)
    bare(axes)
    known = [(index, row.gmacs, row.adopted) for index, row in enumerate(rows) if row.gmacs]
    largest = max((gmacs for _, gmacs, _ in known), default=1.0)
    axes.set_xlim(0, largest * 1.7)
    axes.set_xticks([0])
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.set_xlabel("GMACs", fontsize=SMALL)
    for index, gmacs, adopted in known:
        hatch: Style = {} if adopted else {"hatch": HATCH}
        face = COST if adopted else "none"
        axes.barh(index, gmacs, height=0.3, facecolor=face, edgecolor=COST, linewidth=0.8, **hatch)
        axes.text(gmacs + largest * 0.05, index, number(gmacs), va="center", fontsize=SMALL)


def _legend(figure: "Figure", rows: Sequence[Row], bars: Sequence[Bar]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Line2D | Patch] = []
    if not all(row.adopted for row in rows):
        entries.append(Patch(facecolor="none", edgecolor=INK, hatch=HATCH, label=TRIED))
    if any(len(bar.values) > 1 for bar in bars):
        dot: Style = {"marker": "o", "markersize": 3, "linestyle": "none", "color": INK}
        entries.append(Line2D([], [], label="one seed", **dot))
    if any(bar.std is not None for bar in bars):
        entries.append(Line2D([], [], color=INK, linewidth=0.9, label="± 1 std over seeds"))
    if entries:
        place: Style = {"loc": "outside lower left", "ncols": len(entries), "frameon": False}
        figure.legend(handles=entries, fontsize=SMALL, **place)
