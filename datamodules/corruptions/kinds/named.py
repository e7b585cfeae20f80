"""Every corruption by its name: what it does, and what it needs of images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch

from datamodules.corruptions.drawn import Draws
from datamodules.corruptions.kinds import blur, digital, elastic, glass, noise, spatter, weather
from datamodules.corruptions.severities import Severity

Function = Callable[[torch.Tensor, Severity, Draws], torch.Tensor]
# What becomes of images of one channel, which stand for three equal ones of which luma is taken:
# alike: the same as the channel by itself; luma: it takes all three; none: it is not defined.
Grey = Literal["alike", "luma", "none"]


def _nothing(severity: Severity) -> str | None:
    del severity
    return None


@dataclass(frozen=True)
class Corruption:
    """A corruption.

    Attributes:
        function: from pixels uint8 `(N, C, H, W)`, square, a severity, and a generator for each
            image in turn, to pixels of that shape and type. An image's are the same bits whatever
            else is in the batch.
        grey: what becomes of images of one channel.
        refusal: why it cannot be made here at a severity, as a sentence; None: it can.
    """

    function: Function
    grey: Grey = "alike"
    refusal: Callable[[Severity], str | None] = _nothing


NAMED: Mapping[str, Corruption] = MappingProxyType(
    {
        "gaussian_noise": Corruption(noise.gaussian_noise),
        "shot_noise": Corruption(noise.shot_noise),
        "impulse_noise": Corruption(noise.impulse_noise),
        "defocus_blur": Corruption(blur.defocus_blur),
        "glass_blur": Corruption(glass.glass_blur),
        "motion_blur": Corruption(blur.motion_blur),
        "zoom_blur": Corruption(blur.zoom_blur),
        "snow": Corruption(weather.snow),
        "frost": Corruption(weather.frost, grey="luma"),
        "fog": Corruption(weather.fog),
        "brightness": Corruption(weather.brightness),
        "contrast": Corruption(digital.contrast),
        "elastic_transform": Corruption(elastic.elastic_transform),
        "pixelate": Corruption(digital.pixelate),
        "jpeg_compression": Corruption(digital.jpeg_compression),
        "speckle_noise": Corruption(noise.speckle_noise),
        "gaussian_blur": Corruption(blur.gaussian_blur),
        "spatter": Corruption(spatter.spatter, grey="luma", refusal=spatter.refusal),
        "saturate": Corruption(digital.saturate, grey="none"),
    }
)
