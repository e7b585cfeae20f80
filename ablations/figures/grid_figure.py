"""The figure of a grid: a row a network, a column a list of steps, top-1 and differences in cells.

The colour of a cell is its difference to the first cell of its row, the network that the others
are compared with: violet is higher, orange lower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from ablations.compare.cells import plus_minus
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.compare.text import setting
from ablations.compare.words import signed
from ablations.figures.style import FAINT, FONT_SIZE, INK, SMALL, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = (1.45, 0.62)  # inches
_COLOURS = "PuOr"  # apart for the colour-blind, white at no difference


@dataclass(frozen=True)
class Cells:
    """The rows of a report by network and list of steps, as (row, column) from 0."""

    networks: tuple[str, ...]
    lists: tuple[str, ...]
    rows: dict[tuple[int, int], Row]


def grid_cells(study: StudyRecord, rows: Sequence[Row]) -> Cells:
    """Where each row of a grid's report stands.

    The points of a network, those included that are no networks, share the beginning of their
    names: that names the row, and the rest the column. The rest is empty for the network itself.
    """
    by_label = {row.point: row for row in rows}
    networks, lists, found = [], list[str](), {}
    for number, group in enumerate(_groups(study)):
        names = [label.partition("_")[2] for label in group]  # without their numbers
        network = _shared(names)
        networks.append(network)
        lists = lists or [name.removeprefix(network).removeprefix("-") for name in names]
        for place, label in enumerate(group):
            if label in by_label:
                found[number, place] = by_label[label]
    return Cells(tuple(networks), tuple(lists), found)


def _groups(study: StudyRecord) -> list[list[str]]:
    """The labels of every network's points, with one for each list of steps in its order."""
    starts = {point.label for point in study.points if point.base is None}
    groups: list[list[str]] = []
    # labels sort like the design, in which a network's first point is legal
    for label in sorted([*(p.label for p in study.points), *(i.point for i in study.illegal)]):
        if label in starts or not groups:
            groups.append([])
        groups[-1].append(label)
    return groups


def _shared(titles: Sequence[str]) -> str:
    """The beginning that titles share, in whole words between `-`."""
    words = zip(*(title.split("-") for title in titles), strict=False)
    return "-".join(column[0] for column in takewhile(lambda column: len(set(column)) == 1, words))


def grid_figure(study: StudyRecord, rows: Sequence[Row]) -> "Figure":
    """Draw the grid. Works with any subset of the runs finished."""
    from matplotlib.figure import Figure

    cells = grid_cells(study, rows)
    size = (2.2 + CELL[0] * len(cells.lists), 1.4 + CELL[1] * len(cells.networks))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"top-1 (%) and difference\n{setting(study)}", loc="left", fontsize=SMALL + 0.5)
    _name(axes, cells)
    largest = _largest(cells)
    for place, row in cells.rows.items():
        _fill(axes, place, row, largest=largest)
    for place in _empty(cells):
        axes.text(place[1], place[0], "no network", ha="center", va="center", color=FAINT)
    return figure


def _largest(cells: Cells) -> float:
    """The largest difference to the first cell of a row, where the colours end."""
    deltas = [row.delta for (_, right), row in cells.rows.items() if right > 0]
    return max((abs(delta) for delta in deltas if delta is not None), default=0.0) or 1.0


def _name(axes: "Axes", cells: Cells) -> None:
    names = [short(name) if name else "as it is" for name in cells.lists]
    axes.set_xticks(range(len(names)), names, fontsize=FONT_SIZE)
    axes.set_yticks(range(len(cells.networks)), [short(name) for name in cells.networks])
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(cells.networks) - 0.5, -0.5)
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _fill(axes: "Axes", place: tuple[int, int], row: Row, *, largest: float) -> None:
    """One cell: accuracy, and below it the difference to the first cell of the row."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    down, right = place
    compared = right > 0 and row.delta is not None
    share = row.delta / largest if compared and row.delta is not None else 0.0
    # A light part of the scale, so that the numbers stay readable.
    face = colormaps[_COLOURS](0.5 + 0.24 * share) if compared else "white"
    corner = (right - 0.48, down - 0.46)
    axes.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=face, edgecolor=FAINT, linewidth=0.5))
    text = plus_minus(row.top1_mean, row.top1_std) if row.top1 else "no finished run"
    colour = INK if row.top1 else FAINT
    lift = 0.14 if compared else 0.0
    axes.text(right, down - lift, text, ha="center", va="center", color=colour, fontsize=FONT_SIZE)
    if compared:
        below = signed(row.delta)
        axes.text(right, down + 0.2, below, ha="center", va="center", fontsize=SMALL, color=INK)


def _empty(cells: Cells) -> list[tuple[int, int]]:
    """The combinations that are no network."""
    every = ((n, s) for n in range(len(cells.networks)) for s in range(len(cells.lists)))
    return [place for place in every if place not in cells.rows]
