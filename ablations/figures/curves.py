"""Training curves of all steps in one plot: validation top-1 by epoch, mean and range of seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablations.compare.records import PointRecord, StudyRecord
from ablations.compare.text import setting
from ablations.figures.style import FAINT, INK, SMALL, TRIED, Style, bare, short
from lit_models.training.metrics import EPOCH, VAL_TOP1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL_GAP = 0.036  # of the axes, between two labels
DASHES = (0, (3, 2))
COLOURS = "viridis"  # ordered by lightness, so that it reads in grey and to the colour-blind


@dataclass(frozen=True)
class Curve:
    """Validation top-1 of one point by epoch: mean, lowest and highest over the finished seeds."""

    title: str
    on_main_line: bool
    epochs: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def point_curve(point: PointRecord) -> Curve | None:
    """The curve of a point's finished seeds, over the epochs that all of them have."""
    seeds = [
        {row[EPOCH]: row[VAL_TOP1] for row in run.metrics if EPOCH in row and VAL_TOP1 in row}
        for run in point.done
    ]
    shared = sorted(set.intersection(*map(set, seeds))) if seeds else []
    if not shared:
        return None
    values = [[seed[epoch] for seed in seeds] for epoch in shared]
    mean = tuple(sum(group) / len(group) for group in values)
    low, high = tuple(map(min, values)), tuple(map(max, values))
    return Curve(point.title, point.on_main_line, tuple(shared), mean, low, high)


def curves_figure(study: StudyRecord) -> "Figure":
    """Draw the curves of every point with a finished run; early epochs may lie below the frame."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    curves = [curve for point in study.points if (curve := point_curve(point))]
    figure = Figure(figsize=(8.6, 5.2), layout="constrained")
    axes = figure.subplots()
    bare(axes, keep=("bottom", "left"))
    axes.set_title(f"validation top-1 by epoch: {setting(study)}", loc="left")
    axes.set_xlabel("epoch")
    if not curves:
        axes.text(0.5, 0.5, "no finished run", transform=axes.transAxes, ha="center", color=FAINT)
        return figure
    colours = [colormaps[COLOURS](0.88 * i / max(len(curves) - 1, 1)) for i in range(len(curves))]
    for curve, colour in zip(curves, colours, strict=True):
        _draw(axes, curve, colour)
    _frame(axes, curves)
    _label(axes, curves, colours)
    _legend(figure, curves)
    return figure


def _draw(axes: "Axes", curve: Curve, colour: tuple[float, float, float, float]) -> None:
    style: Style = {
        "color": colour,
        "linewidth": 1.3,
        "linestyle": "-" if curve.on_main_line else DASHES,
    }
    marker = "o" if len(curve.epochs) == 1 else None
    axes.plot(curve.epochs, curve.mean, marker=marker, markersize=3, **style)
    axes.fill_between(curve.epochs, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)


def _frame(axes: "Axes", curves: Sequence[Curve]) -> None:
    """Axis limits. Low first epochs are cut off where they would flatten the rest."""
    every = [value for curve in curves for value in (*curve.low, *curve.high)]
    last = [curve.mean[-1] for curve in curves]
    top, bottom = max(every), min(every)
    floor = max(bottom, min(last) - 6 * max(top - min(last), 0.5))
    room = 0.03 * max(top - floor, 0.1)
    axes.set_ylim(floor - room, top + room)
    first, end = min(c.epochs[0] for c in curves), max(c.epochs[-1] for c in curves)
    axes.set_xlim(first - 0.02 * (end - first or 1), end + 0.3 * max(end - first, 1))
    axes.set_xticks([tick for tick in axes.get_xticks() if first <= tick <= end and tick % 1 == 0])
    axes.spines["bottom"].set_bounds(first, end)
    axes.set_ylabel(f"top-1 (%) on the validation split, axis begins at {floor - room:.1f}")


def _legend(figure: "Figure", curves: Sequence[Curve]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Line2D | Patch] = [
        Line2D([], [], color=INK, linewidth=1.3, label="mean over seeds")
    ]
    if any(curve.low != curve.high for curve in curves):
        entries.append(Patch(facecolor=INK, alpha=0.15, label="lowest to highest seed"))
    if not all(curve.on_main_line for curve in curves):
        entries.append(Line2D([], [], color=INK, linestyle=DASHES, label=TRIED))
    figure.legend(handles=entries, loc="outside lower left", ncols=3, frameon=False, fontsize=SMALL)


def _label(
    axes: "Axes", curves: Sequence[Curve], colours: Sequence[tuple[float, float, float, float]]
) -> None:
    """Names at the right by the last mean, moved apart, each with a line to its curve."""
    low, high = axes.get_ylim()
    order = sorted(labelled(curves), key=lambda i: curves[i].mean[-1])
    ends = [(curves[i].mean[-1] - low) / (high - low) for i in order]
    places = spread(ends, LABEL_GAP)
    last, right = curves[0].epochs[-1], axes.get_xlim()[1]
    text_at = last + 0.12 * (right - last)
    for index, place in zip(order, places, strict=True):
        curve, colour, height = curves[index], colours[index], low + place * (high - low)
        ends_at = curve.epochs[-1]
        axes.plot([ends_at, text_at], [curve.mean[-1], height], color=colour, linewidth=0.6)
        text = f"{curve.mean[-1]:.1f}  {short(curve.title)}"
        axes.text(text_at, height, f" {text}", va="center", fontsize=SMALL, clip_on=False)


def labelled(curves: Sequence[Curve]) -> Sequence[int]:
    """The curves that get names: all where they fit, else the first, last, lowest and highest."""
    every = range(len(curves))
    if len(curves) <= 1 + 1 / LABEL_GAP:
        return every
    by_mean = sorted(every, key=lambda i: curves[i].mean[-1])
    return sorted({every[0], every[-1], by_mean[0], by_mean[-1]})


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Ascending positions moved at least `gap` apart, within 0 and 1 as far as they fit."""
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap) if placed else max(position, 0.0))
    limit = max(1.0, gap * (len(placed) - 1))
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return placed
