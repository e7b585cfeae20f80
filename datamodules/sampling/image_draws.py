"""A random generator for each image: a function of seed, condition, level and the image's number.

Never of batch, worker, device, order or network, so that everything that is asked about an image is
asked about the same one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from datamodules.sampling.random_streams import Integers, bits


def image_generators(
    condition: str, *, level: int = 0, seed: int, indices: Integers
) -> Iterator[np.random.Generator]:
    """A generator for each of `indices` (N,), on the CPU.

    Args:
        condition: its name, such as `fog`.
        level: severity, frame or draw.
        seed: of the evaluation.
        indices: numbers of the images in their set.
    """
    stream = hash64(condition)
    for key in bits(stream, seed=seed, epoch=level, indices=indices).tolist():
        yield np.random.Generator(np.random.PCG64(key))


@lru_cache(maxsize=1024)
def hash64(text: str) -> int:
    """64 bits of a text, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
