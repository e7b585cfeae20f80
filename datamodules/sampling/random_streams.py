"""Random numbers as pure functions of (stream, seed, epoch, sample index).

SplitMix64 (Steele et al. 2014) is a function of its key and a counter: here the key comes from
stream, seed and epoch, and the counter is the sample's index. There is no state, so that a draw
depends on no worker, device, batch or history, and a whole batch is one array operation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
# stream -> (N,) numbers in [0, 1), one for each sample of a batch
Draw = Callable[[int], Floats]

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1


class Stream(IntEnum):
    """What a draw is for; the numbers are part of what makes runs repeat, so they never change."""

    SPLIT = 1
    ORDER = 2
    TRANSFORM = 3
    CROP_TOP = 10
    CROP_LEFT = 11
    FLIP = 12
    ERASE = 20
    ERASE_TOP = 21
    ERASE_LEFT = 22
    ERASE_NOISE = 23
    JITTER_BRIGHTNESS = 30
    JITTER_CONTRAST = 31
    JITTER_SATURATION = 32
    JITTER_ORDER = 33
    # Those from here on are the first of a hundred: + attempt, or + layer.
    ERASE_AREA = 100
    ERASE_ASPECT = 200
    CROP_AREA = 300
    CROP_ASPECT = 400
    BOX_TOP = 500
    BOX_LEFT = 600
    RAND_OPERATION = 700
    RAND_APPLY = 800
    RAND_MAGNITUDE = 900
    # 1001 and 1002 make the table of normal noise
    RAND_MAGNITUDE_ANGLE = 1100
    RAND_SIGN = 1200


def bits(stream: int, *, seed: int, epoch: int, indices: Integers) -> NDArray[np.uint64]:
    """64 random bits for each of `indices` (N,), shape (N,)."""
    key = 0
    for part in (stream, seed, epoch):
        key = _mix((key ^ part) + _GOLDEN)
    x = np.uint64(key) + (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    return x ^ (x >> np.uint64(31))


def uniforms(stream: int, *, seed: int, epoch: int, indices: Integers) -> Floats:
    """A number in [0, 1) for each of `indices` (N,), shape (N,)."""
    top_53 = bits(stream, seed=seed, epoch=epoch, indices=indices) >> np.uint64(11)
    return top_53.astype(np.float64) * 2.0**-53


def batch_draws(*, seed: int, epoch: int, indices: Integers) -> Draw:
    """The draws of one batch: stream -> (N,) numbers that depend on nothing else."""
    return lambda stream: uniforms(stream, seed=seed, epoch=epoch, indices=indices)


def between(uniform: Floats, limits: tuple[float, float]) -> Floats:
    """Numbers in [0, 1) spread over an interval."""
    return limits[0] + uniform * (limits[1] - limits[0])


def integers(uniform: Floats, count: int | Integers) -> Integers:
    """Numbers in [0, 1) as whole numbers from 0 to below `count`."""
    return (uniform * count).astype(np.int64)


def shuffled(stream: int, *, seed: int, epoch: int, indices: Integers) -> Integers:
    """`indices` (N,) in the random order of (seed, epoch).

    Which of two samples comes first depends on these two alone, so an order survives when samples
    are left out.
    """
    keys = bits(stream, seed=seed, epoch=epoch, indices=indices)
    return indices[np.argsort(keys, kind="stable")]


def seed_generators(seed: int) -> None:
    """Seed python's, numpy's and torch's CPU generators, which timm and torchvision draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed CUDA as well


@contextmanager
def kept_generators() -> Iterator[None]:
    """Put the generators that `seed_generators` seeds back as they were before the block."""
    before = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.default_generator.set_state(before[2])


def _mix(x: int) -> int:
    """SplitMix64's finaliser for one python integer; array operations cost more for so few."""
    x &= _MASK
    x = (x ^ (x >> 30)) * _FIRST & _MASK
    x = (x ^ (x >> 27)) * _SECOND & _MASK
    return x ^ (x >> 31)
