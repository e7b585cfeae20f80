"""The two parts of each step's gain as bars, one below the other, with their sum."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablations.equal_cost.gains import Gain, Gains, Part, StepGain
from ablations.figures.panels import HEAD_AND_FOOT, LETTER
from ablations.figures.style import (
    COST,
    FAINT,
    FONT_SIZE,
    INK,
    MEASURED,
    SHADE,
    SMALL,
    Style,
    bare,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _WIDTH = 0.42, 4.6  # inches of a step, and of the panel
_HALF = 0.17  # of a row, by which the bars lie above and below its middle
_BARS: tuple[tuple[Part, str, str, float], ...] = (
    ("own", "at equal cost", MEASURED, -_HALF),
    ("bought", "bought with cost", COST, _HALF),
)


def gains_figure(found: Gains) -> "Figure":
    """Draw every step of which both parts are known; at least one must be."""
    from matplotlib.figure import Figure

    steps = [step for step in found.steps if "bought" in step.parts]
    widest = max(len(short(step.title)) for step in steps) * LETTER * FONT_SIZE / 72
    figure = Figure(
        figsize=(widest + _WIDTH, HEAD_AND_FOOT + _ROW * len(steps)), layout="constrained"
    )
    axes = figure.subplots()
    bare(axes)
    axes.set_ylim(len(steps) - 0.45, -0.55)
    axes.set_yticks(range(len(steps)), [short(step.title) for step in steps])
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.set_xlabel("difference (points of top-1)", fontsize=SMALL)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    for index, step in enumerate(steps):
        if index % 2 == 0:
            axes.axhspan(index - 0.5, index + 0.5, color=SHADE, linewidth=0, zorder=-1)
        _draw(axes, index, step)
    _legend(figure, steps)
    return figure


def _draw(axes: "Axes", index: int, step: StepGain) -> None:
    for part, _, colour, shift in _BARS:
        gain = step.parts.get(part)
        if gain is not None:
            axes.barh(index + shift, gain.mean, height=2 * _HALF, color=colour, alpha=0.75)
            _whisker(axes, index + shift, gain)
    if step.absorbed:
        axes.annotate(
            "absorbed",
            (0, index - _HALF),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=FAINT,
        )
    total = step.parts.get("total")
    if total is not None:
        axes.plot(total.mean, index, zorder=4, **_TOTAL)


def _whisker(axes: "Axes", height: float, gain: Gain) -> None:
    if gain.found is not None:
        line: Style = {"color": INK, "linewidth": 0.9, "solid_capstyle": "butt", "zorder": 3}
        axes.plot([gain.found.low, gain.found.high], [height, height], **line)


_TOTAL: Style = {
    "marker": "D",
    "markersize": 4.2,
    "linestyle": "none",
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 1.0,
}


def _legend(figure: "Figure", steps: Sequence[StepGain]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Line2D | Patch] = [
        Patch(color=colour, alpha=0.75, label=label) for _, label, colour, _ in _BARS
    ]
    entries.append(Line2D([], [], label="both: with own widths", **_TOTAL))
    if any(gain.found for step in steps for gain in step.parts.values()):
        entries.append(Line2D([], [], color=INK, linewidth=0.9, label="95 % interval"))
    place: Style = {"loc": "outside lower left", "ncols": len(entries), "frameon": False}
    figure.legend(handles=entries, fontsize=SMALL, **place)
