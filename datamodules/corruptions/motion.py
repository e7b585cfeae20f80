"""Motion blur as ImageMagick has it, with which the benchmark was made."""

from collections.abc import Sequence
from math import ceil, cos, hypot, radians, sin

import numpy as np
import torch

from datamodules.corruptions.filters import NOTHING, Taps, tap_sum


def motion_blur(
    images: torch.Tensor, *, radius: float, sigma: float, angles: Sequence[float]
) -> torch.Tensor:
    """Images `(N, C, H, W)` float32 smeared to one side, not yet rounded; border pixels repeat.

    ImageMagick writes integers, so what becomes an image is rounded, not cut off.

    Args:
        images: to blur.
        radius: in pixels; the smear is 2 * ceil(radius) + 1 long.
        sigma: of the Gaussian along it, whose middle is its first tap.
        angles: of each image, in degrees.
    """
    blurred = torch.empty_like(images)
    for image, out, angle in zip(images, blurred, angles, strict=True):
        taps = motion_taps(radius, sigma, angle)
        tap_sum(image.unsqueeze(0), taps, border="replicate", out=out.unsqueeze(0))
    return blurred


def motion_taps(radius: float, sigma: float, angle: float) -> Taps:
    """Where the smear of a pixel comes from: (dy, dx, weight), the weights' sum 1, each once.

    Tap i lies at ceil(i * cos - .5), ceil(i * sin - .5); cosine and sine are made from both sides
    of the kernel's triangle, as there, since 30 and 60 degrees round otherwise.
    """
    count = 2 * ceil(radius) + 1
    weights = np.exp(-0.5 * (np.arange(count) / sigma) ** 2)
    weights /= weights.sum()
    across, down = count * cos(radians(angle)), count * sin(radians(angle))
    length = hypot(across, down)
    taps: dict[tuple[int, int], float] = {}
    for number, weight in enumerate(weights.tolist()):
        place = ceil(number * down / length - 0.5), ceil(number * across / length - 0.5)
        if weight > NOTHING:
            taps[place] = taps.get(place, 0.0) + weight
    return [(dy, dx, weight) for (dy, dx), weight in taps.items()]
