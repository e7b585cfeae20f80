"""Colours and matplotlib settings of every figure.

The hues are Okabe and Ito's, chosen to stay apart for colour-blind readers; nothing is told by hue
alone. Figures have a white background of their own, so that they can be read on a dark page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.store.runs import write_bytes_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Style = dict[str, Any]  # keyword arguments of matplotlib

INK, FAINT = "#1f2328", "#6e7781"
MEASURED, PUBLISHED, COST = "#0072b2", "#7f7f7f", "#e69f00"
SHADE = "#f1f3f5"  # behind every second group of rows
# Networks that belong together, in a scatter plot; each hue has a marker as well
GROUPS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#332288", "#000000", MEASURED)
MARKERS = "sD^vP<Xo"
FONT_SIZE, SMALL = 8.5, 7.0
LONGEST_TITLE = 44  # letters of a row's name in a figure
TRIED = "tried, not gone on with"
_SETTINGS: Any = {
    "font.size": FONT_SIZE,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that figures are the same everywhere
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": FONT_SIZE,
    "axes.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.parse_math": False,  # a dollar sign in a title is one
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "ablations",  # the same figure is the same file
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Our settings for the length of a `with` block; the caller's are as before afterwards."""
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        yield


def bare(axes: "Axes", *, keep: tuple[str, ...] = ("bottom",)) -> None:
    """Remove the sides of the frame that are not in `keep`, and the marks of the y axis."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
    axes.tick_params(axis="y", length=0)


def short(title: str) -> str:
    """A title that leaves room for what it names."""
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def save(figure: "Figure", path: Path) -> Path:
    """Write a figure in the format of its suffix; the same figure gives the same file."""
    metadata: Style = {"Date": None} if path.suffix == ".svg" else {}
    buffer = BytesIO()
    kind = path.suffix.removeprefix(".")
    figure.savefig(buffer, format=kind, dpi=200, facecolor="white", metadata=metadata)
    write_bytes_atomic(path, buffer.getvalue())
    return path
