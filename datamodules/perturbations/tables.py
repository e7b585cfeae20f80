"""Which values the sequences of images of a side are made with; no torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from datamodules.corruptions.severities import SMALLEST
from datamodules.perturbations.names import PERTURBATIONS
from lit_models.registry.names import nearest

_LARGEST_OF_32 = 48  # px: images of more are made with the values for 224 px
_FILE = Path(__file__).with_name("perturbations.yaml")


@dataclass(frozen=True)
class Perturbation:
    """How a sequence is made.

    Attributes:
        name: one of `PERTURBATIONS`.
        table: side in pixels that the values were made for: 32 or 224.
        side: of the images, in pixels.
        frames: how many.
        margin: pixels beyond each edge of the image that geometric ones see; an even number, so
            that rounding gives a wider crop the same centre.
        values: as perturbations.yaml names them.
    """

    name: str
    table: int
    side: int
    frames: int
    margin: int
    values: Mapping[str, float]

    def amounts(self) -> Iterator[float]:
        """What each frame of a smooth sequence has, in the unit of its function."""
        zero, step = self.values["zero"], self.values["step"]
        yield from ((frame - zero) * step for frame in range(self.frames))


def perturbation(name: str, *, side: int) -> Perturbation:
    """How the sequence of a name is made of images of `side` pixels.

    There are values for 32 px, up to 48 px, and for 224 px. The benchmark's 64 px sequences cannot
    be made of crops of 64 px: their motion blur was applied to photographs of other sizes.

    Raises:
        ValueError: no such perturbation; too small images.
    """
    if name not in PERTURBATIONS:
        raise ValueError(f"no such perturbation: {name}. {nearest(name, PERTURBATIONS)}")
    if side < SMALLEST:
        raise ValueError(
            f"images of {side} px are too small for perturbations ({SMALLEST} at least): set "
            "data.eval_size"
        )
    table = 32 if side <= _LARGEST_OF_32 else 224
    values = dict(_tables()[table][name])
    return Perturbation(
        name=name,
        table=table,
        side=side,
        frames=values.pop("frames"),
        margin=2 * round(values.pop("margin", 0) * side / 2),
        values=values,
    )


@cache
def _tables() -> dict[int, dict[str, Any]]:
    tables: dict[int, dict[str, Any]] = yaml.safe_load(_FILE.read_text())
    return tables
