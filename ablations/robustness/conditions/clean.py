"""The images as they are: what everything else is compared with."""

from typing import Any

import torch

from ablations.robustness.conditions.answers import answers
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch
from ablations.robustness.conditions.condition import ImageCondition, Plain


class PixelCondition(ImageCondition):
    """A condition that makes pixels, of which networks say which class they show."""

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """The classes that a network takes the pixels `(N, C, H, W)` in [0, 1] for."""
        with torch.inference_mode():
            logits = network.pixels(made.to(network.device))
        return answers(logits, batch.labels, batch.indices)


class Clean(PixelCondition):
    """Nothing is done."""

    kind = "clean"

    @property
    def name(self) -> str:
        """`clean`."""
        return "clean"

    def parameters(self) -> Plain:
        """None."""
        return {}

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The pixels `(N, C, H, W)` in [0, 1]."""
        return as_floats(batch.pixels)


def as_floats(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels `(N, C, H, W)` uint8 as float32 in [0, 1]."""
    return pixels.float() / 255
