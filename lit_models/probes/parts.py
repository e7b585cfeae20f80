"""The parts of a network, and how blocks are taken out of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import nn

Layout = Literal["NCHW", "NHWC", "NLC"]  # of maps; L: tokens, which are positions

RESHAPES = "change stride or width"
NOT_RESIDUAL = "have a branch without a shortcut"


@dataclass(frozen=True)
class Part:
    """A block in its place.

    Attributes:
        row: that holds it.
        index: in the row.
        stage: counted from 1.
        stays: why it cannot be taken out, as words after "blocks that"; None: it can.
    """

    row: nn.Sequential
    index: int
    stage: int
    stays: str | None

    @property
    def module(self) -> nn.Module:
        """The block."""
        return self.row[self.index]


class Window(NamedTuple):
    """What a layer with a stride sees: its kernel, its stride, rows of zeros before the map."""

    kernel: int
    stride: int
    before: int


@dataclass(frozen=True)
class Anatomy:
    """The parts of a network.

    Attributes:
        stem: from the image to the first map.
        blocks: from the first to the last, which gives the last map.
        layout: of the maps.
        prefix: tokens before those of the map, in blocks: class tokens.
        side: of the images that the network takes, in pixels; None: any.
        windows: of the layers between image and last map that have a stride, in order.
    """

    stem: nn.Module
    blocks: tuple[Part, ...]
    layout: Layout = "NCHW"
    prefix: int = 0
    side: int | None = None
    windows: tuple[Window, ...] = ()

    @property
    def removable(self) -> tuple[int, ...]:
        """Positions among the blocks of those that can be taken out."""
        return tuple(i for i, part in enumerate(self.blocks) if part.stays is None)

    def positions(self, maps: torch.Tensor, *, of_block: bool) -> torch.Tensor:
        """What stem or block gave, as `(N, C, positions)`."""
        if self.layout == "NCHW":
            return maps.flatten(2)
        tokens = maps.flatten(1, -2)[:, self.prefix if of_block else 0 :]
        return tokens.transpose(1, 2)

    def centre(self, index: float) -> float:
        """The pixel, of a row of pixels, that a position of the last map is centred on.

        A patch of even side is centred between two pixels.
        """
        for kernel, stride, before in reversed(self.windows):
            index = index * stride + (kernel - 1) / 2 - before
        return index


@contextmanager
def without(parts: Sequence[Part]) -> Iterator[None]:
    """In the block these parts of a network are the identity; they are as before after it.

    With a block goes what follows its sum, a norm or an activation: the next block sees what came
    to this one. (Between ResNet's blocks that is the same: what comes out of a ReLU passes a second
    one unchanged.)
    """
    taken = [part.module for part in parts]
    try:
        for part in parts:
            part.row[part.index] = nn.Identity()
        yield
    finally:
        for part, module in zip(parts, taken, strict=True):
            part.row[part.index] = module


def why_none(blocks: Sequence[Part]) -> str:
    """Why none of these can be taken out, in brackets."""
    reasons = Counter(part.stays for part in blocks)
    if len(reasons) == 1:
        return f"(all {next(iter(reasons))})"
    return f"({', '.join(f'{count} {reason}' for reason, count in reasons.items())})"
