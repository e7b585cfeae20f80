"""A number for every step and condition, the conditions in groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ablations.compare.words import signed
from ablations.figures.style import FAINT, FONT_SIZE, INK, SHADE, SMALL, Style, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHANGES, SHARES = "PuOr", "Blues"  # as the report's other heat maps
UNKNOWN = "\N{EN DASH}"
_CELL = (0.44, 0.26)  # inches
_GAP = 0.25  # of a cell, between groups
_BELOW = 0.25  # inches, for the groups' names


@dataclass(frozen=True)
class HeatMap:
    """What is drawn.

    Attributes:
        heading: with the unit.
        rows: titles of the steps.
        columns: (group, condition), those of a group next to each other; a group may have no name.
        values: (rows, columns); NaN: not known, which a dash says.
        clear: (rows, columns) whether a change stands out of the noise; others have no colour.
            None: not known of any.
        changes: plus and minus around 0, with signs; else shares from 0 up.
    """

    heading: str
    rows: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    values: NDArray[np.float64]
    clear: NDArray[np.bool_] | None = None
    changes: bool = True

    @property
    def largest(self) -> float:
        """What has the darkest colour."""
        known = self.values[np.isfinite(self.values)]
        return max(float(np.abs(known).max(initial=0.0)), 1e-9)


def heat_map_figure(found: HeatMap) -> "Figure":
    """Draw a heat map with at least one row and column."""
    from matplotlib.figure import Figure

    at = places(found.columns)
    names = max(len(name) for _, name in found.columns)
    longest = max(len(short(title)) for title in found.rows)
    width = 0.3 + 0.068 * longest + _CELL[0] * (at[-1] + 2)
    below = _BELOW if any(group for group, _ in found.columns) else 0.0
    height = 0.55 + 0.042 * names + _CELL[1] * len(found.rows) + below
    width = max(width, 0.3 + 0.068 * len(found.heading))
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_aspect(_CELL[1] / _CELL[0], anchor="W")
    figure.suptitle(found.heading, x=0.01, ha="left", fontsize=SMALL + 1.5)
    axes.set_xlim(at[0] - 0.5, at[-1] + 0.5)
    axes.set_ylim(len(found.rows) - 0.5, -0.5)
    _name(axes, found, at)
    for (row, column), value in np.ndenumerate(found.values):
        clear = found.clear is None or bool(found.clear[row, column])
        _cell(axes, found, float(value), at=(at[column], row), clear=clear)
    return figure


def places(columns: Sequence[tuple[str, str]]) -> list[float]:
    """Where columns stand: a unit apart, groups a little more."""
    found: list[float] = []
    for number, (group, _) in enumerate(columns):
        before = columns[number - 1][0] if number else group
        found.append(found[-1] + 1 + _GAP * (group != before) if found else 0.0)
    return found


def _name(axes: "Axes", found: HeatMap, at: Sequence[float]) -> None:
    titles = [short(title) for title in found.rows]
    axes.set_yticks(range(len(titles)), titles, fontsize=FONT_SIZE)
    names = [name for _, name in found.columns]
    axes.set_xticks(at, names, rotation=45, ha="left", fontsize=SMALL)
    axes.tick_params(length=0, pad=2, labeltop=True, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    place: Style = {"ha": "center", "va": "top", "fontsize": SMALL, "color": FAINT}
    below = axes.get_xaxis_transform()
    for group, members in groupby(range(len(at)), key=lambda number: found.columns[number][0]):
        first, *_, last = (numbers := list(members))[0], numbers[-1]
        if group:
            ends = [at[first] - 0.45, at[last] + 0.45]
            axes.plot(ends, [-0.01, -0.01], transform=below, color=FAINT, lw=0.7, clip_on=False)
            middle = (at[first] + at[last]) / 2
            beside: Style = {"xytext": (0, -3), "textcoords": "offset points", **place}
            axes.annotate(group, (middle, -0.01), xycoords=below, annotation_clip=False, **beside)


def _cell(
    axes: "Axes", found: HeatMap, value: float, *, at: tuple[float, float], clear: bool
) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    place: Style = {"ha": "center", "va": "center", "fontsize": SMALL}
    if np.isnan(value):
        axes.text(*at, UNKNOWN, color=FAINT, **place)
        return
    share = value / found.largest
    colour = colormaps[CHANGES](0.5 + 0.46 * share) if found.changes else colormaps[SHARES](share)
    style: Style = {"facecolor": colour if clear else SHADE, "edgecolor": "white"}
    axes.add_patch(Rectangle((at[0] - 0.5, at[1] - 0.5), 1, 1, linewidth=0.4, **style))
    text = signed(value, digits=1) if found.changes else f"{value:.1f}"
    light = clear and abs(share) > 0.6
    axes.text(*at, text, color="white" if light else INK if clear else FAINT, **place)
