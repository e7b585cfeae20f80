"""Cuts of the two photographs that scikit-learn ships, as PIL images and as tensors."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor


def cuts(count: int, size: tuple[int, int] = (64, 64)) -> list[Image.Image]:
    """`count` different RGB windows of `size` (width, height), from both photographs in turn."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        whole = _photographs()[number % 2]
        left, top = (int(rng.integers(whole.shape[1 - axis] - size[axis])) for axis in (0, 1))
        found.append(Image.fromarray(whole[top : top + size[1], left : left + size[0]].copy()))
    return found


def batch_of(images: Sequence[Image.Image]) -> Tensor:
    """Images of one size as (N, 3, H, W) uint8, planar."""
    pixels = np.stack([np.asarray(image) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def array_of(batch: Tensor) -> NDArray[np.int64]:
    """(N, C, H, W) as (N, H, W, C) integers, the order in which PIL's images become arrays."""
    return batch.permute(0, 2, 3, 1).cpu().numpy().astype(np.int64)


@lru_cache(maxsize=1)
def _photographs() -> list[NDArray[np.uint8]]:
    photographs: list[NDArray[np.uint8]] = load_sample_images().images
    return photographs
