"""Names beside dots, where they cover little."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablations.figures.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

# Where a label may stand beside its dot: in points, with horizontal and vertical alignment.
_PLACES = (
    (5, 0, "left", "center"),
    (-5, 0, "right", "center"),
    (0, 5, "center", "bottom"),
    (0, -5, "center", "top"),
    (4, 4, "left", "bottom"),
    (4, -4, "left", "top"),
    (-4, 4, "right", "bottom"),
    (-4, -4, "right", "top"),
)


def halo() -> Style:
    """Letters that stay readable on lines."""
    from matplotlib.patheffects import withStroke

    return {"path_effects": [withStroke(linewidth=2.5, foreground="white")]}


def place_labels(axes: "Axes", texts: "Sequence[Text]") -> None:
    """Put each annotation where it covers the least of the others and of the dots.

    The figure must have its layout: `Figure.draw_without_rendering`.
    """
    from matplotlib.transforms import Bbox

    dots = [axes.transData.transform(text.xy) for text in texts]  # type: ignore[attr-defined]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in dots]
    frame = axes.get_window_extent()
    for index, text in enumerate(texts):
        others = taken[:index] + taken[index + 1 :]
        costs = []
        for number, place in enumerate(_PLACES):
            _move(text, place)
            box = text.get_window_extent()
            outside = max(0.0, box.x1 - frame.x1) + max(0.0, frame.x0 - box.x0)
            covered = sum(_overlap(box, other) for other in others)
            costs.append((covered + 20 * outside, number))
        _move(text, _PLACES[min(costs)[1]])
        taken.append(text.get_window_extent())


def _move(text: "Text", place: tuple[int, int, str, str]) -> None:
    x, y, horizontal, vertical = place
    text.set(position=(x, y), horizontalalignment=horizontal, verticalalignment=vertical)


def _overlap(first: object, second: object) -> float:
    from matplotlib.transforms import Bbox

    both = Bbox.intersection(first, second)  # type: ignore[arg-type]
    return 0.0 if both is None else both.width * both.height
