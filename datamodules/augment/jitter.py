"""torchvision's ColorJitter of brightness, contrast and saturation, drawn for a whole batch."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from torch import Tensor

from datamodules.augment import pixel_ops
from datamodules.augment.steps import Step, run_steps
from datamodules.sampling.random_streams import Draw, Stream, between, integers

_FACTORS = {
    "brightness": (pixel_ops.brightness, Stream.JITTER_BRIGHTNESS),
    "contrast": (pixel_ops.contrast, Stream.JITTER_CONTRAST),
    "saturation": (pixel_ops.color, Stream.JITTER_SATURATION),
}


def color_jitter(images: Tensor, strength: float, *, draw: Draw) -> Tensor:
    """Change brightness, contrast and saturation in an order of each sample's own.

    Args:
        images: (N, C, H, W) uint8, not written to.
        strength: factors are uniform from max(0, 1 - strength) to 1 + strength.
        draw: stream -> (N,) uniform numbers, one a sample.

    Returns:
        (N, C, H, W) uint8, new, planar.
    """
    operations = {name: operation for name, (operation, _) in _FACTORS.items()}
    return run_steps(images, jitter_steps(strength, draw=draw), operations=operations)


def jitter_steps(strength: float, *, draw: Draw) -> list[Step]:
    """The factors of a batch, in the order in which its samples take them."""
    limits = max(0.0, 1 - strength), 1 + strength
    factors = {name: between(draw(stream), limits) for name, (_, stream) in _FACTORS.items()}
    orders = np.array(list(permutations(range(len(factors)))))
    order = orders[integers(draw(Stream.JITTER_ORDER), len(orders))]
    steps = []
    for place in range(len(factors)):
        for number, (name, values) in enumerate(factors.items()):
            rows = np.flatnonzero(order[:, place] == number)
            steps.append(Step(name, rows, values[rows]))
    return [step for step in steps if len(step.rows)]
