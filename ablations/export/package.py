"""What every format writes: a network and what there is to know about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lit_models.families.reference import Network

Predict = Callable[[Tensor], Tensor]  # images (N, C, H, W) to logits (N, K)


@dataclass(frozen=True)
class Package:
    """A network to write: merged, in evaluation, in float32 on the CPU."""

    model: nn.Module
    spec: Network
    num_classes: int
    in_chans: int
    image_size: int  # side in px
    about: Mapping[str, Any] = field(default_factory=dict)  # what else a file can say

    def images(self, number: int) -> Tensor:
        """The same random images each time."""
        shape = (number, self.in_chans, self.image_size, self.image_size)
        return torch.randn(shape, generator=torch.Generator().manual_seed(number))


@dataclass(frozen=True)
class Format:
    """One format.

    `write(package, path, final)` writes to `path` and returns how the file is loaded when it has
    its `final` name; `read(package, path)` makes logits from it again, or is None where that cannot
    be done here. The first suffix is the default.
    """

    suffixes: tuple[str, ...]
    write: Callable[[Package, Path, Path], str]
    read: Callable[[Package, Path], Predict | None]


def own_memory(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with a memory for every entry, also where blocks share weights."""
    return {key: value.detach().clone() for key, value in weights.items()}
