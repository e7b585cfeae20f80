"""Panels that share their rows: names down the left side, accuracies, costs.

Accuracy axes begin near the lowest value, or small differences could not be seen; the break mark
and the axis label say where.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from ablations.compare.cells import number, plus_minus
from ablations.compare.row import Row
from ablations.figures.style import COST, FAINT, FONT_SIZE, INK, SMALL, TRIED, Style, bare, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_HEIGHT, HEAD_AND_FOOT = 0.27, 1.35  # inches
HATCH = "/////"
_FIXED = "\N{NO-BREAK SPACE}"
LETTER = 0.56  # width of one on average, in font sizes


@dataclass(frozen=True)
class Mark:
    """One accuracy in a panel: its row of the figure, mean, std, one value a seed, text."""

    row: int
    mean: float
    std: float | None
    values: tuple[float, ...]
    text: str
    tried: bool


Draw = Callable[["Axes", Mark, str, float], None]  # axes, mark, colour, where the axis begins


def measured(index: int, row: Row) -> Mark:
    """What a study measured for a row of the figure."""
    mean = row.top1_mean or 0.0
    text = plus_minus(mean, row.top1_std)
    missing = row.planned_seeds - row.seeds
    text += f"  ({row.seeds} of {row.planned_seeds} seeds)" if missing else ""
    return Mark(index, mean, row.top1_std, tuple(row.top1.values()), text, not row.on_main_line)


def published(index: int, row: Row) -> Mark:
    """What was published for a row of the figure."""
    mean = row.published_top1 or 0.0
    text = plus_minus(mean, row.published_std)
    return Mark(index, mean, row.published_std, (), text, not row.on_main_line)


def name_rows(axes: "Axes", rows: Sequence[Row]) -> None:
    """Titles down the left side; alternatives that were not kept are set back and in grey."""
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_yticks(range(len(rows)), [short(row.title) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(INK if row.on_main_line else FAINT)
        label.set_fontsize(FONT_SIZE if row.on_main_line else SMALL)


def accuracy_panel(
    axes: "Axes", marks: Sequence[Mark], colour: str, *, title: str, draw: Draw
) -> None:
    """Accuracies with their numbers beside them."""
    set_title(axes, title)
    bare(axes)
    if not marks:
        axes.set_xticks([])
        return
    low, high = accuracy_range(marks)
    axes.set_xlim(low, low + (high - low) * 1.5)  # the last third is for the numbers
    for mark in marks:
        draw(axes, mark, colour, low)
        _spread_and_text(axes, mark)
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= high])
    axes.set_xlabel(f"top-1 (%), axis begins at {low:g}", fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    broken: Style = {"marker": [(-0.6, -1), (0.6, 1)], "markersize": 7, "clip_on": False}
    if low > 0:
        place: Style = {"transform": axes.transAxes, "linestyle": "none", "color": INK}
        axes.plot([0.012, 0.028], [0, 0], **place, **broken)


def set_title(axes: "Axes", title: str) -> None:
    """The title of a panel, its lines broken at the width that `subplots` gave the panel."""
    figure, size = axes.get_figure(root=True), SMALL + 0.5
    assert figure is not None
    share = axes.get_position(original=True).width
    letters = max(12, int(share * figure.get_figwidth() * 72 / (LETTER * size)))
    lines = [part for line in title.splitlines() for part in broken(line, letters)]
    axes.set_title("\n".join(lines), loc="left", fontsize=size, pad=8)


def broken(line: str, letters: int) -> list[str]:
    """A line broken into pieces of at most so many letters, after commas where possible."""
    parts = line.split(", ")
    kept = [p.replace(" ", _FIXED) if len(p) <= letters // 2 else p for p in parts]
    return [piece.replace(_FIXED, " ") for piece in wrap(", ".join(kept), letters)]


def accuracy_range(marks: Sequence[Mark]) -> tuple[float, float]:
    """Where the axis begins (a round number) and where the longest whisker ends, in percent."""
    ends = [value for mark in marks for value in (*mark.values, mark.mean)]
    ends += [mark.mean + sign * mark.std for mark in marks if mark.std for sign in (-1, 1)]
    spread = max(max(ends) - min(ends), 0.1)
    unit = next(u for u in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if spread <= 10 * u or u == 10)
    begin = int((min(ends) - 0.2 * spread) / unit) * unit
    return max(0.0, round(begin, 6)), max(ends)


def _spread_and_text(axes: "Axes", mark: Mark) -> None:
    if mark.std is not None:
        axes.errorbar(
            mark.mean, mark.row, xerr=mark.std, color=INK, capsize=2, linewidth=0.9, capthick=0.9
        )
    dots: Style = {"linestyle": "none", "marker": "o", "markersize": 2.2}
    if len(mark.values) > 1:
        below = [mark.row + 0.2] * len(mark.values)  # the whisker stays visible above them
        axes.plot(mark.values, below, color=INK, zorder=3, **dots)
    end = max(mark.mean + (mark.std or 0), *mark.values, mark.mean)
    beside: Style = {"xytext": (6, 0), "textcoords": "offset points"}
    axes.annotate(mark.text, (end, mark.row), va="center", fontsize=SMALL, **beside)


def mark_missing(axes: "Axes", rows: Sequence[Row]) -> None:
    """Say which rows have no finished run."""
    for index, row in enumerate(rows):
        if not row.top1:
            place: Style = {
                "transform": axes.get_yaxis_transform(),
                "va": "center",
                "fontsize": SMALL,
            }
            axes.text(0.02, index, "no finished run", style="italic", color=FAINT, **place)


def cost_panel(
    axes: "Axes",
    rows: Sequence[Row],
    *,
    title: str,
    unit: str,
    value: Callable[[Row], float | None],
) -> None:
    """A cost of every row as a thin bar from 0, with its number."""
    set_title(axes, title)
    bare(axes)
    known = [
        (index, cost, row.on_main_line) for index, row in enumerate(rows) if (cost := value(row))
    ]
    largest = max((cost for _, cost, _ in known), default=1.0)
    axes.set_xlim(0, largest * 1.7)
    axes.set_xticks([0])
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.set_xlabel(unit, fontsize=SMALL)
    for index, cost, is_kept in known:
        hatch: Style = {} if is_kept else {"hatch": HATCH}
        face = COST if is_kept else "none"
        axes.barh(index, cost, height=0.3, facecolor=face, edgecolor=COST, linewidth=0.8, **hatch)
        axes.text(cost + largest * 0.05, index, number(cost), va="center", fontsize=SMALL)


def legend(figure: "Figure", rows: Sequence[Row], marks: Sequence[Mark]) -> None:
    """What dots, whiskers and hatching mean, where there are any."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Line2D | Patch] = []
    if not all(row.on_main_line for row in rows):
        entries.append(Patch(facecolor="none", edgecolor=INK, hatch=HATCH, label=TRIED))
    if any(len(mark.values) > 1 for mark in marks):
        dot: Style = {"marker": "o", "markersize": 3, "linestyle": "none", "color": INK}
        entries.append(Line2D([], [], label="one seed", **dot))
    if any(mark.std is not None for mark in marks):
        entries.append(Line2D([], [], color=INK, linewidth=0.9, label="± 1 std over seeds"))
    if entries:
        place: Style = {"loc": "outside lower left", "ncols": len(entries), "frameon": False}
        figure.legend(handles=entries, fontsize=SMALL, **place)
