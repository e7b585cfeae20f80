"""Perturbation sequences in memory (arXiv 1903.12261): an image becomes frames.

Named as corruptions in memory are, and never in one column with the public files: those went
through a video codec.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import pad

from datamodules.perturbations import appearance, geometry
from datamodules.perturbations.appearance import FrameDraws
from datamodules.perturbations.tables import Perturbation
from datamodules.sampling.random_streams import Integers

Appearance = Callable[[Tensor, Perturbation, FrameDraws], Tensor]
Geometry = Callable[[Tensor, Perturbation], Tensor]
APPEARANCE: Mapping[str, Appearance] = MappingProxyType(
    {
        "gaussian_noise": appearance.gaussian_noise,
        "shot_noise": appearance.shot_noise,
        "motion_blur": appearance.motion_blur,
        "snow": appearance.snow,
        "brightness": appearance.brightness,
    }
)
# those that see the margin, and zoom blur, which sees less than the image
GEOMETRY: Mapping[str, Geometry] = MappingProxyType(
    {
        "translate": geometry.translate,
        "rotate": geometry.rotate,
        "tilt": geometry.tilt,
        "scale": geometry.scale,
    }
)


def sequence(pixels: Tensor, how: Perturbation, *, seed: int, indices: Integers) -> Tensor:
    """Images `(N, C, W, W)` uint8 as sequences of their centres, `(N, frames, C, side, side)`.

    A function of seed, perturbation and each image's number, never of the batch. Translate, rotate,
    tilt and scale see a margin around the image, where the images have it or else their mirror
    image; beyond that is black, as in the benchmark's. At the values for 32 px there is no margin.

    Args:
        pixels: W is at least `how.side`; one channel or three.
        how: which perturbation.
        seed: of the evaluation.
        indices: (N,) numbers of the images in their set.
    """
    if how.name in GEOMETRY:
        return GEOMETRY[how.name](_canvas(pixels, how.side + 2 * how.margin), how)
    image = _centre(pixels, how.side)
    if how.name == "zoom_blur":
        return geometry.zoom_blur(image, how)
    return APPEARANCE[how.name](image, how, FrameDraws(how.name, seed, indices))


def _canvas(pixels: Tensor, side: int) -> Tensor:
    """The centre of `side` pixels, with a mirror image around it where there is less."""
    lacking = side - pixels.shape[-1]
    if lacking <= 0:
        return _centre(pixels, side)
    before, after = lacking // 2, lacking - lacking // 2
    return pad(pixels.float(), (before, after, before, after), mode="reflect").to(torch.uint8)


def _centre(pixels: Tensor, side: int) -> Tensor:
    first = (pixels.shape[-1] - side) // 2
    return pixels[..., first : first + side, first : first + side].contiguous()
