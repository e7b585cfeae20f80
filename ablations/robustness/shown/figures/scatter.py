"""Accuracy on changed images against that on clean ones, in logits, of which one is a line.

After Taori et al. 2020 (arXiv 2007.00644): what lies above the line is robust beyond its accuracy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ablations.figures.labels import halo, place_labels
from ablations.figures.panels import set_title
from ablations.figures.style import FAINT, GROUPS, INK, MEASURED, SMALL, Style, bare, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_PANEL = (4.6, 3.8)  # inches
_KEY_LINE = 0.14  # inches, of the key
_ENOUGH = 4  # ticks
_ROOM = 0.12  # of the range, around the dots
# Percentages that an axis may name, those that are round first
_TICKS = (
    (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99),
    (2, 15, 25, 35, 45, 55, 65, 75, 85, 92, 94, 96, 97, 98, 99.5, 99.9),
    (3, 4, 6, 7, 8, 9, *range(11, 99), 98.5, 99.2, 99.4, 99.6, 99.8),
)


@dataclass(frozen=True, eq=False)
class ScatterPoint:
    """A point by label: top-1 in % by seed, clean and changed, both inside 0 and 100."""

    label: str
    title: str
    clean: Mapping[int, float]
    changed: Mapping[int, float]

    @property
    def mean(self) -> tuple[float, float]:
        """Clean and changed, over the seeds that have both."""
        seeds = sorted(self.clean.keys() & self.changed.keys())
        both = [(self.clean[seed], self.changed[seed]) for seed in seeds]
        clean, changed = np.mean(both, axis=0)
        return float(clean), float(changed)


@dataclass(frozen=True)
class ScatterPanel:
    """One kind of changed images, in the order of the study.

    Attributes:
        title: above it.
        y_label: of which images.
        points: at least one.
        line: from clean to changed top-1, both in %; None: too few points for one.
    """

    title: str
    y_label: str
    points: tuple[ScatterPoint, ...]
    line: Callable[[float], float] | None = None


def scatter_figure(panels: Sequence[ScatterPanel], *, heading: str) -> "Figure":
    """Draw at least one panel."""
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    lines = ceil(len(panels) / columns)
    labels = list(titles_of(panels))
    height = max(_PANEL[1] * lines + 0.5, _KEY_LINE * len(labels) + 0.3)
    figure = Figure(figsize=(_PANEL[0] * columns + 2.6, height), layout="constrained")
    figure.suptitle(heading, x=0.01, ha="left", fontsize=SMALL + 1.5)
    every = figure.subplots(lines, columns, squeeze=False).ravel()
    for unused in every[len(panels) :]:
        unused.set_axis_off()
    texts = [(axes, _panel(axes, one, labels)) for axes, one in zip(every, panels, strict=False)]
    _legend(figure, panels)
    _key(figure, panels)
    figure.draw_without_rendering()  # positions in pixels are known only now
    for axes, names in texts:
        place_labels(axes, names)
    return figure


def logit(percent: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Of percentages inside 0 and 100."""
    share = np.asarray(percent, np.float64) / 100
    return np.asarray(np.log(share / (1 - share)), np.float64)


def _within(percent: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logit, for axes, which ask for that of 0 while they are made."""
    return logit(np.clip(percent, 1e-4, 100 - 1e-4))


def from_logit(value: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The percentage of a logit."""
    return np.asarray(100 / (1 + np.exp(-np.asarray(value, np.float64))), np.float64)


def _panel(axes: "Axes", panel: ScatterPanel, labels: Sequence[str]) -> "list[Text]":
    bare(axes, keep=("bottom", "left"))
    set_title(axes, panel.title)
    axes.set_xlabel("top-1 on clean images (%)", fontsize=SMALL)
    axes.set_ylabel(panel.y_label, fontsize=SMALL)
    for axis, limit, scale, clean in (
        (axes.xaxis, axes.set_xlim, axes.set_xscale, True),
        (axes.yaxis, axes.set_ylim, axes.set_yscale, False),
    ):
        low, high = _limits(_all(panel, clean=clean))
        limit(low, high)
        scale("function", functions=(_within, from_logit))
        shown = ticks(low, high)
        axis.set_ticks(shown, [f"{value:g}" for value in shown])
        axis.set_ticks([], minor=True)
    axes.tick_params(labelsize=SMALL)
    _lines(axes, panel)
    numbers = {point: labels.index(point.label) for point in panel.points}
    for point, number in numbers.items():
        _dot(axes, point, colour=_colour(number, len(labels)))
    style: Style = {"textcoords": "offset points", "fontsize": SMALL - 0.5, **halo()}
    return [
        axes.annotate(str(number), point.mean, (0, 0), **style) for point, number in numbers.items()
    ]


def _all(panel: ScatterPanel, *, clean: bool) -> list[float]:
    by_seed = (point.clean if clean else point.changed for point in panel.points)
    return [value for found in by_seed for value in found.values()]


def _limits(values: Sequence[float]) -> tuple[float, float]:
    found = logit(np.asarray(values))
    low, high = float(found.min()), float(found.max())
    room = max(_ROOM * (high - low), 0.1)
    return float(from_logit(low - room)), float(from_logit(high + room))


def ticks(low: float, high: float) -> list[float]:
    """Percentages from `low` to `high` to name: the roundest, some four or more, apart."""
    found: list[float] = []
    apart = float(logit(high) - logit(low)) / 9
    for rank in _TICKS:
        if len(found) >= _ENOUGH:
            break
        for value in rank:
            near = any(abs(float(logit(value) - logit(other))) < apart for other in found)
            if low <= value <= high and not near:
                found.append(float(value))
    return sorted(found)


def _colour(number: int, points: int) -> str:
    return INK if number == 0 else MEASURED if number == points - 1 else GROUPS[4]


def _dot(axes: "Axes", point: ScatterPoint, *, colour: str) -> None:
    seeds = sorted(point.clean.keys() & point.changed.keys())
    if len(seeds) > 1:
        small: Style = {"marker": "o", "markersize": 2.2, "linestyle": "none", "alpha": 0.6}
        both = [[found[seed] for seed in seeds] for found in (point.clean, point.changed)]
        axes.plot(*both, color=colour, zorder=2, **small)
    style: Style = {"marker": "o", "markersize": 5, "linestyle": "none", "zorder": 3}
    axes.plot(*point.mean, color=colour, label=point.label, **style)


def _lines(axes: "Axes", panel: ScatterPanel) -> None:
    """The fitted line, and where both accuracies are equal, unless that is outside."""
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x = from_logit(np.linspace(logit(low), logit(high), 2))
    if panel.line is not None:
        fitted = [panel.line(float(value)) for value in x]
        axes.plot(x, fitted, color=FAINT, linewidth=1.0, zorder=1, label=_FITTED)
    if max(low, bottom) < min(high, top):
        axes.plot(x, x, color=FAINT, linewidth=0.7, linestyle=":", zorder=1, label=_EQUAL)
        axes.set_ylim(bottom, top)
        return
    where = "above" if low >= top else "below"
    place: Style = {"transform": axes.transAxes, "ha": "right", "fontsize": SMALL - 1}
    height, side = (0.99, "top") if where == "above" else (0.01, "bottom")
    axes.text(
        0.99, height, f"as accurate as on clean images: {where}", va=side, color=FAINT, **place
    )


_FITTED = "straight line in logits through all points"
_EQUAL = "as accurate as on clean images"


def _legend(figure: "Figure", panels: Sequence[ScatterPanel]) -> None:
    from matplotlib.lines import Line2D

    drawn = {str(line.get_label()) for axes in figure.axes for line in axes.lines}
    several = any(len(point.clean) > 1 for panel in panels for point in panel.points)
    entries = []
    if _FITTED in drawn:
        entries.append(Line2D([], [], color=FAINT, linewidth=1.0, label=_FITTED))
    if _EQUAL in drawn:
        entries.append(Line2D([], [], color=FAINT, linewidth=0.7, linestyle=":", label=_EQUAL))
    if several:
        dot: Style = {"marker": "o", "markersize": 2.2, "linestyle": "none", "color": INK}
        entries.append(Line2D([], [], label="one seed", **dot))
    if entries:
        place: Style = {"loc": "outside lower left", "ncols": 2, "frameon": False}
        figure.legend(handles=entries, fontsize=SMALL, **place)


def _key(figure: "Figure", panels: Sequence[ScatterPanel]) -> None:
    """Which number is which step."""
    from matplotlib.lines import Line2D

    titles = titles_of(panels)
    entries = []
    for number, title in enumerate(titles.values()):
        colour = _colour(number, len(titles))
        dot: Style = {"marker": "o", "markersize": 4, "linestyle": "none", "color": colour}
        entries.append(Line2D([], [], label=f"{number}  {short(title)}", **dot))
    place: Style = {"loc": "outside right upper", "frameon": False, "handletextpad": 0.0}
    figure.legend(handles=entries, fontsize=SMALL, labelspacing=0.3, **place)


def titles_of(panels: Sequence[ScatterPanel]) -> Mapping[str, str]:
    """Of the points of all panels by label, in order: a number is the same step in all panels."""
    return {point.label: point.title for panel in panels for point in panel.points}
