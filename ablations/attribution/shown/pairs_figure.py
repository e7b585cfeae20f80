"""Pairwise interactions as a heat map: only what is clear of the noise has a colour."""

from typing import TYPE_CHECKING

from ablations.attribution.estimation.estimates import Interaction
from ablations.attribution.study.attribute import Attribution
from ablations.compare.words import signed
from ablations.figures.panels import HATCH
from ablations.figures.style import FAINT, INK, SHADE, SMALL, Style, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLEAR = 2.0  # standard errors from which on a cell has a colour
_COLOURS = "PuOr"  # orange below 0, violet above: apart for the colour-blind
_CELL = 0.5  # inches
_LONGEST = 22  # letters of a step's name beside the map


def pairs_figure(found: Attribution) -> "Figure":
    """Draw the interactions of all pairs, each once, below the diagonal."""
    from matplotlib.figure import Figure

    titles = [_short(title) for title in found.game.titles]
    size = max(_CELL * len(titles), 2.0)
    figure = Figure(figsize=(size + 3.0, size + 1.5), layout="constrained")
    axes = figure.subplots()
    axes.set_aspect("equal")
    axes.set_xlim(-0.5, len(titles) - 1.5)
    axes.set_ylim(len(titles) - 0.5, 0.5)
    axes.set_xticks(range(len(titles) - 1), titles[:-1], rotation=45, ha="right", fontsize=SMALL)
    axes.set_yticks(range(1, len(titles)), titles[1:], fontsize=SMALL)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    largest = max((abs(p.best.value) for p in found.interactions if p.best), default=1.0) or 1.0
    number = {steps: index for index, steps in enumerate(found.game.lattice.players)}
    for pair in found.interactions:
        one, other = sorted(number[steps] for steps in pair.steps)
        _cell(axes, pair, at=(one, other), largest=largest)
    axes.set_title(
        "what two steps are worth together beyond the sum of both\n"
        "(points of top-1; half a 95 % interval below)",
        loc="left",
    )
    _legend(figure, hatched=any(pair.precedence for pair in found.interactions))
    return figure


def _short(title: str) -> str:
    title = short(title)
    return title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"


def _cell(axes: "Axes", pair: Interaction, *, at: tuple[int, int], largest: float) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    column, row = at
    corner, best = (column - 0.47, row - 0.47), pair.best
    if pair.precedence or best is None:
        style: Style = {"hatch": HATCH if pair.precedence else "", "facecolor": "none"}
        axes.add_patch(Rectangle(corner, 0.94, 0.94, edgecolor=FAINT, linewidth=0.5, **style))
        return
    clear = bool(best.error) and abs(best.value) > CLEAR * (best.error or 0.0)
    shade = 0.5 + 0.42 * best.value / largest
    face = colormaps[_COLOURS](shade) if clear else SHADE
    axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor=face, linewidth=0))
    dark = clear and abs(best.value) > 0.7 * largest
    colour = "white" if dark else INK if clear else FAINT
    half = "" if best.half_width is None else f"\n±{best.half_width:.2f}"
    place: Style = {"ha": "center", "va": "center", "fontsize": SMALL - 1.5, "color": colour}
    axes.text(column, row, f"{signed(best.value)}{half}", **place)


def _legend(figure: "Figure", *, hatched: bool) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    colours = colormaps[_COLOURS]
    entries = [
        Patch(facecolor=colours(0.92), label=f"more than {CLEAR:g} standard errors above 0"),
        Patch(facecolor=colours(0.08), label=f"more than {CLEAR:g} standard errors below 0"),
        Patch(facecolor=SHADE, label="neither"),
    ]
    if hatched:
        needs: Style = {"facecolor": "none", "edgecolor": FAINT, "hatch": HATCH}
        entries.append(Patch(label="one needs the other", **needs))
    figure.legend(handles=entries, loc="outside lower left", ncols=2, frameon=False, fontsize=SMALL)
