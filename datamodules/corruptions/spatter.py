"""Spatter of the benchmark (arXiv 1903.12261): drops of water, or mud, on the lens."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

Floats = NDArray[np.floating]
WATER, MUD = (175, 238, 238), (63, 42, 20)  # pale turquoise, brown
_THICK = 0.8  # mud that is thinner after its edges were smoothed is none
_FARTHEST = 20  # pixels: drops look the same everywhere beyond
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def refusal() -> str | None:
    """Why there can be no water: a sentence, or None. Mud needs nothing."""
    if find_spec("cv2") is not None:
        return None
    return (
        "spatter at severities 1 to 3 needs OpenCV: pip install opencv-python-headless, or "
        "extra=false"
    )


def spatter(  # noqa: PLR0917 - the benchmark's six numbers in its order
    images: Tensor,
    mean: float,
    std: float,
    sigma: float,
    threshold: float,
    strength: float,
    mud: float,
    *,
    generators: Sequence[np.random.Generator],
) -> Tensor:
    """Drops on images `(N, 3, H, H)` float32 in [0, 1]; not clipped.

    Args:
        images: see above.
        mean: of the normal noise that drops are made of.
        std: likewise.
        sigma: of the Gaussian that smooths it, in pixels.
        threshold: of the smoothed noise, below which there is no drop.
        strength: how much colour water adds; of mud the sigma that smooths its edges.
        mud: 1: mud, 0: water.
        generators: of each image.

    Raises:
        ValueError: water without OpenCV.
    """
    side = images.shape[-1]
    noise = np.stack([mean + std * g.standard_normal((side, side)) for g in generators])
    liquid = _smooth(noise, sigma)
    liquid[liquid < threshold] = 0
    if mud:
        cover = _layer(_mud(liquid > threshold, strength))
        return images * (1 - cover) + cover * _colour(MUD)
    if why := refusal():
        raise ValueError(why)
    drops = np.stack([water_drops((one * 255).astype(np.uint8)) for one in liquid])
    return images + strength * _layer(drops) * _colour(WATER)


def _mud(covered: NDArray[np.bool_], sigma: float) -> Floats:
    cover = _smooth(covered.astype(np.float32), sigma)
    cover[cover < _THICK] = 0
    return cover


def water_drops(liquid: NDArray[np.uint8]) -> Floats:
    """How bright drops are, `(H, W)` from 0 to 1, for how much water there is `(H, W)`.

    Embossed by the distance from the edges of drops. Without any drop it is 0 everywhere, where the
    benchmark divides 0 by 0.
    """
    import cv2

    edges = cv2.Canny(liquid, 50, 150)
    far = cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5)
    near = cv2.blur(np.minimum(far, _FARTHEST), (3, 3)).astype(np.uint8)
    embossed = cv2.filter2D(cv2.equalizeHist(near), cv2.CV_8U, _EMBOSS)
    drops = liquid * cv2.blur(embossed, (3, 3)).astype(np.float32)
    return drops / max(float(drops.max()), 1.0)


def _smooth(maps: Floats, sigma: float) -> Floats:
    smooth: Floats = gaussian_filter(maps, (0, sigma, sigma), mode="nearest", truncate=4.0)
    return smooth


def _layer(maps: Floats) -> Tensor:
    return torch.from_numpy(maps.astype(np.float32))[:, None]


def _colour(levels: tuple[int, int, int]) -> Tensor:
    return torch.tensor(levels)[:, None, None] / 255
