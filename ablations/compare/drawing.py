"""A figure of a report, before it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure: name of its files, heading on the page, a short description, what it shows.

    One that is `leading` answers what the study asks: it stands before those of the design.
    """

    name: str
    heading: str
    alt: str
    caption: str
    draw: "Callable[[], Figure]"
    leading: bool = False
