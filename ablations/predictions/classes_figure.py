"""How each step changed the accuracy of each class: a heat map, a row a step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ablations.compare.words import signed
from ablations.figures.style import FONT_SIZE, INK, SMALL, Style, short
from ablations.predictions.classes import Shares
from ablations.predictions.confusion_figure import CHANGES
from ablations.predictions.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = (0.55, 0.27)  # inches
_LEAST = 0.05  # points: smaller changes are left out of the cells


def classes_figure(found: Results, changes: Mapping[str, Shares]) -> "Figure":
    """Draw the changes of each class's accuracy, in points, by point."""
    from matplotlib.figure import Figure

    names = [short(name) for name in found.found.class_names]
    table = np.stack(list(changes.values()))
    largest = max(float(np.nanmax(np.abs(table))), 0.5)
    size = (2.6 + _CELL[0] * len(names), 1.2 + _CELL[1] * len(table))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.nan_to_num(table), cmap=CHANGES, vmin=-largest, vmax=largest, aspect="auto")
    axes.set_title("change of each class's accuracy, in points", loc="left", fontsize=SMALL + 0.5)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="left", fontsize=SMALL)
    titles = [short(found.titles[point]) for point in changes]
    axes.set_yticks(range(len(table)), titles, fontsize=FONT_SIZE)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    place: Style = {"ha": "center", "va": "center", "fontsize": SMALL}
    for (row, column), value in np.ndenumerate(table):
        if abs(value) >= _LEAST:  # false for NaN
            colour = "white" if abs(value) > 0.55 * largest else INK
            axes.text(column, row, signed(float(value), digits=1), color=colour, **place)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
