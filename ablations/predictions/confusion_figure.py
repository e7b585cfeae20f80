"""Confusion matrices of the two ends of a study, and what changed between them."""

from typing import TYPE_CHECKING

import numpy as np

from ablations.compare.words import signed
from ablations.figures.style import FONT_SIZE, INK, SMALL, Style, short
from ablations.predictions.classes import Shares, confusion, confusion_percent
from ablations.predictions.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADES, CHANGES = "Blues", "PuOr"  # both apart for the colour-blind
_PANEL = 3.3  # inches
_LEAST = 0.5  # percent: a change that is smaller has no colour of its own


def confusion_figure(found: Results) -> "Figure":
    """Draw the matrices in percent of a class's images; with two points their difference, too."""
    from matplotlib.figure import Figure

    names = [short(name) for name in found.found.class_names]
    shares = [confusion_percent(confusion(found.found, point)) for point in found.ends]
    panels = len(shares) + (len(shares) == 2)
    margin = 0.07 * max(map(len, names))
    figure = Figure(figsize=(_PANEL * panels + margin, _PANEL + margin + 0.3), layout="constrained")
    axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    for one, share, point in zip(axes, shares, found.ends, strict=False):
        _name(one, names, short(found.titles[point]))
        _matrix(one, share)
    axes[0].set_ylabel("class", fontsize=SMALL)
    if len(shares) == 2:
        _name(axes[2], names, "change, in points")
        _change(axes[2], shares[1] - shares[0])
    return figure


def _name(axes: "Axes", names: list[str], title: str) -> None:
    axes.set_title(title, loc="left", fontsize=FONT_SIZE)
    size: Style = {"fontsize": SMALL - 0.5 if len(names) <= 12 else SMALL - 2}
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90, **size)
    axes.set_yticks(places, names, **size)
    axes.set_xlabel("predicted", fontsize=SMALL)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_linewidth(0.4)


def _matrix(axes: "Axes", share: Shares) -> None:
    from matplotlib.colors import PowerNorm

    # by the square root, or the few per cent beside the diagonal would be white
    axes.imshow(np.nan_to_num(share), cmap=SHADES, norm=PowerNorm(0.5, 0, 100))
    for (row, column), value in np.ndenumerate(np.rint(np.nan_to_num(share))):
        if value:
            _write(axes, row, column, f"{value:.0f}", light=bool(value > 40), cells=len(share))


def _change(axes: "Axes", change: Shares) -> None:
    largest = max(float(np.nanmax(np.abs(change))), _LEAST)
    axes.imshow(np.nan_to_num(change), cmap=CHANGES, vmin=-largest, vmax=largest)
    for (row, column), value in np.ndenumerate(np.rint(np.nan_to_num(change))):
        if value:
            light = bool(abs(value) > 0.55 * largest)
            text = signed(float(value), digits=0)
            _write(axes, row, column, text, light=light, cells=len(change))


def _write(axes: "Axes", row: int, column: int, text: str, *, light: bool, cells: int) -> None:
    size = SMALL - 1 if cells <= 12 else SMALL - 3
    place: Style = {"ha": "center", "va": "center", "fontsize": size}
    axes.text(column, row, text, color="white" if light else INK, **place)
