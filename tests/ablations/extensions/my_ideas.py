"""A file of one's own: a step, a primitive, a data set and a report column."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ablations.extend import (
    ArrayImages,
    DatasetInfo,
    Source,
    Step,
    measured,
    register_column,
    register_dataset,
    register_primitive,
    register_step,
)
from lit_models.space.spec import ArchSpec


@register_step("twice_as_deep", "no value", "every stage has twice the blocks", source="ours")
def twice_as_deep() -> Step:
    """Double the depths."""
    return Step("twice_as_deep", "twice as deep", "every stage has twice the blocks", _doubled)


def _doubled(spec: ArchSpec) -> ArchSpec:
    return replace(spec, depths=tuple(2 * depth for depth in spec.depths))


@register_primitive("my_gain", title="gain", source="ours")
class Gain(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, channels, H, W)` to the same shape."""
        return x * self.gain.view(1, -1, 1, 1)


def stripes(info: DatasetInfo, config: Any) -> Source:
    """Stripes across or along, with noise."""
    del info
    generator, side = np.random.default_rng(0), config.image_size
    labels = np.arange(96) % 2
    pixels = generator.integers(0, 60, (96, 1, side, side)).astype(np.uint8)
    pixels[labels == 0, :, ::2] += 150
    pixels[labels == 1, :, :, ::2] += 150
    train, test = (ArrayImages(pixels[s], labels[s]) for s in (slice(0, 64), slice(64, 96)))
    return Source(train=train, test=test, class_names=("across", "along"))


register_dataset(
    DatasetInfo(
        name="stripes",
        title="stripes, drawn",
        num_classes=2,
        in_chans=1,
        image_size=16,
        mean=(0.4,),
        std=(0.3,),
        val_fraction=0.25,
        sizes=(64, 32),
        source="drawn",
        licence="CC0",
        in_memory=True,
        load=stripes,
    )
)
register_column("test_loss", measured("test/loss", "my loss", decimals=3, drop_order=9))
