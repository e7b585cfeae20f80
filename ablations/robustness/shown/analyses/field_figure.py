"""Effective receptive fields as pictures, with the squares that hold a share of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ablations.compare.records import StudyRecord
from ablations.figures.panels import set_title
from ablations.figures.style import FAINT, SMALL, Style, short
from ablations.robustness.conditions.analyses import names
from ablations.robustness.results.collected import Collected
from ablations.robustness.shown.analyses.panels import field_parts
from ablations.robustness.shown.figures.overlay import chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LineStyle = tuple[float, tuple[float, ...]] | Literal["solid"]

_DECADES = 4  # that colours tell apart
_SIZE, _ABOUT = 2.7, 0.95  # inches: side of a picture, and what stands above and below it
# of the squares, from the smallest
_LINES: tuple[LineStyle, ...] = ((0, (1, 1)), (0, (3, 1.5)), (0, (6, 2)), "solid")


@dataclass(frozen=True)
class Field:
    """The field of one point, mean over seeds.

    Attributes:
        title: of the point.
        scores: (n, n) contributions.
        side: of the images in pixels.
        centre: of the squares, likewise.
        squares: sides in pixels by share of the contributions.
    """

    title: str
    scores: NDArray[np.float64]
    side: int
    centre: float
    squares: dict[float, float]


def fields(study: StudyRecord, collected: Collected) -> tuple[Field, ...]:
    """Those of the first, the last and the point of the largest change of areas."""
    parts = field_parts(study, collected)
    if not parts:
        return ()
    roles, kept = chosen([part.panel for part in parts]), collected.kept[names.FIELD]
    found = []
    for label in dict.fromkeys(filter(None, (roles.first, roles.largest, roles.last))):
        each = [kept.arrays(label, seed) for seed in collected.seeds(label, names.FIELD)]
        squares = np.mean([one[names.SQUARES] for one in each], 0)
        known = np.isfinite(squares)
        by_share = dict(zip(each[0][names.THRESHOLDS][known], squares[known], strict=True))
        scores = np.asarray(np.mean([one[names.MAP] for one in each], 0, dtype=np.float64))
        side, centre = int(each[0][names.SIDE]), float(each[0][names.CENTRE])
        found.append(Field(roles.titles[label], scores, side, centre, by_share))
    return tuple(found)


def field_figure(found: Sequence[Field], *, heading: str) -> "Figure":
    """Draw fields beside each other, each on a logarithmic scale below its own largest value."""
    from matplotlib.figure import Figure

    width = max(_SIZE * len(found), 5.0)
    figure = Figure(figsize=(width, _SIZE + _ABOUT), layout="constrained")
    figure.suptitle(heading, x=0.01, ha="left", fontsize=SMALL + 1.5)
    pictures = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, field in zip(pictures, found, strict=True):
        _draw(axes, field)
    _legend(figure, found)
    return figure


def _draw(axes: "Axes", field: Field) -> None:
    from matplotlib.patches import Rectangle

    set_title(axes, f"{short(field.title)}\n{field.side} px")
    largest = field.scores.max() or 1.0
    shown = np.log10(np.maximum(field.scores / largest, 10.0**-_DECADES))
    place: Style = {"extent": (0, field.side, field.side, 0), "interpolation": "nearest"}
    axes.imshow(shown, cmap="Greys", vmin=-_DECADES, vmax=0, **place)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    middle = field.centre + 0.5
    for (_, square), line in zip(sorted(field.squares.items()), _LINES, strict=False):
        corner = (middle - square / 2, middle - square / 2)
        style: Style = {"fill": False, "edgecolor": "#d55e00", "linewidth": 1.1}
        axes.add_patch(Rectangle(corner, square, square, linestyle=line, **style))


def _legend(figure: "Figure", found: Sequence[Field]) -> None:
    from matplotlib.lines import Line2D

    shares = sorted({share for field in found for share in field.squares})
    entries = [
        Line2D([], [], color="#d55e00", linewidth=1.1, linestyle=line, label=f"{100 * share:.0f} %")
        for share, line in zip(shares, _LINES, strict=False)
    ]
    figure.legend(handles=entries, loc="outside lower left", ncols=4, frameon=False, fontsize=SMALL)
