"""Images that a generator drew, and networks with initial values, for conditions to ask."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch, Images
from ablations.robustness.conditions.condition import ImageCondition
from lit_models.families.serialise import to_dict
from lit_models.network.builder import build, resolve
from lit_models.probes.pixels import Pixels


@dataclass(frozen=True)
class MadeImages:
    """Images of noise with the labels 0, 1, 2, 0, .."""

    count: int = 6
    side: int = 32
    in_chans: int = 3
    seed: int = 0
    title: str = "made-up images"
    class_names: tuple[str, ...] = ("a", "b", "c")
    order: tuple[int, ...] | None = None  # of the images; None: as drawn
    drawn_side: int = field(default=32, compare=False)
    many: int = field(default=100, compare=False)  # that are drawn

    @property
    def indices(self) -> NDArray[np.int64]:
        """Their numbers."""
        return np.array(range(self.count) if self.order is None else self.order, np.int64)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Their classes."""
        return self.indices % len(self.class_names)

    @property
    def pixels(self) -> torch.Tensor:
        """All of them `(N, C, side, side)` uint8."""
        draws = torch.Generator().manual_seed(1)
        shape = (self.many, self.in_chans, self.drawn_side, self.drawn_side)
        every = torch.randint(0, 256, shape, generator=draws, dtype=torch.uint8)
        chosen = every[torch.from_numpy(self.indices)]
        if self.side == self.drawn_side:
            return chosen
        return interpolate(chosen.float(), self.side).to(torch.uint8)

    def batches(self, size: int) -> Iterator[ImageBatch]:
        """All of them, in order."""
        for start in range(0, len(self.indices), size):
            some = slice(start, start + size)
            yield ImageBatch(self.pixels[some], self.labels[some], self.indices[some], self.seed)

    def identity(self) -> Mapping[str, Any]:
        """Made up."""
        return {"made": True, "side": self.side}

    def at(self, side: int, *, crop_ratio: float | None = None) -> "MadeImages":
        """The same ones, enlarged or reduced."""
        del crop_ratio
        return replace(self, side=side)

    def limited(self, count: int) -> "MadeImages":
        """The first of them."""
        if self.order is not None:
            return replace(self, order=self.order[:count], count=min(count, self.count))
        return replace(self, count=min(count, self.count))


def asked_network(
    name: str, *, num_classes: int = 3, in_chans: int = 3, seed: int = 0
) -> AskedNetwork:
    """A network by its name, with initial values."""
    built = build(name, num_classes=num_classes, in_chans=in_chans, seed=seed)
    pixels = Pixels(built, mean=[0.4] * in_chans, std=[0.25] * in_chans)
    return AskedNetwork(
        f"{name}, seed {seed}", pixels, resolve(name), torch.device("cpu"), num_classes
    )


def answered_by(
    condition: ImageCondition, network: AskedNetwork, images: Images, *, batch: int
) -> Arrays:
    """What a network answers to a condition, in batches of this size."""
    parts: Sequence[Arrays] = [
        condition.ask(network, condition.make(some), some) for some in images.batches(batch)
    ]
    return condition.whole(parts)


def network_of(asked: AskedNetwork) -> Any:
    """The network itself, of which a test knows the parts."""
    return asked.backbone


def keep_checkpoint(path: Path, name: str, *, num_classes: int = 10, in_chans: int = 1) -> Path:
    """The file of a network with initial values, as `ablate import` writes one."""
    model = build(name, num_classes=num_classes, in_chans=in_chans, seed=5)
    values = {"spec": to_dict(resolve(name)), "training": {}}
    sizes = {"num_classes": num_classes, "in_chans": in_chans, "seed": 0}
    state = {f"backbone.{key}": value for key, value in model.state_dict().items()}
    torch.save({"state_dict": state, "hyper_parameters": {**values, **sizes}}, path)
    return path
