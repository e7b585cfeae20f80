"""Spatter: drops of water, or mud, on the lens; takes and gives uint8 `(N, 3, H, H)`."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from datamodules.corruptions.drawn import Draws
from datamodules.corruptions.pixels import floats, truncated
from datamodules.corruptions.severities import Severity

Floats = NDArray[np.floating]
WATER, MUD = (175, 238, 238), (63, 42, 20)  # pale turquoise, brown
_THICK = 0.8  # mud that is thinner after its edges were smoothed is none
_FARTHEST = 20  # pixels: drops look the same everywhere beyond
_EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])


def refusal(severity: Severity) -> str | None:
    """Why spatter cannot be made here, as a sentence, or None: mud needs nothing."""
    if _is_mud(severity) or find_spec("cv2") is not None:
        return None
    return (
        "spatter at severities 1 to 3 needs OpenCV: pip install opencv-python-headless, or "
        "extra=false"
    )


def _is_mud(severity: Severity) -> bool:
    return bool(severity.values[-1])


def spatter(pixels: Tensor, severity: Severity, draws: Draws) -> Tensor:
    """Smooth noise above a threshold is water, which is added, or mud, which covers.

    Raises:
        ValueError: water without OpenCV.
    """
    mean, std, sigma, threshold, strength, _ = severity.values
    side, images = pixels.shape[-1], floats(pixels)
    noise = np.stack([mean + std * draw.standard_normal((side, side)) for draw in draws])
    liquid = _smooth(noise, sigma)
    liquid[liquid < threshold] = 0
    if _is_mud(severity):
        cover = _layer(_mud(liquid > threshold, sigma=strength))
        return truncated(images * (1 - cover) + cover * _colour(MUD))
    if why := refusal(severity):
        raise ValueError(why)
    drops = np.stack([water_drops((one * 255).astype(np.uint8)) for one in liquid])
    return truncated(images + strength * _layer(drops) * _colour(WATER))


def _mud(covered: NDArray[np.bool_], *, sigma: float) -> Floats:
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
