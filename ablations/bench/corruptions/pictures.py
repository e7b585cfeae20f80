"""Photographs to corrupt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ablations.bench.loader.photographs import sources


def pictures(count: int, side: int) -> NDArray[np.uint8]:
    """(N, S, S, 3): squares of the photographs that are installed, scaled to a side in pixels."""
    draws = np.random.default_rng(0)
    files = sources()
    found = []
    for number in range(count):
        with Image.open(files[number % len(files)]) as opened:
            image = opened.convert("RGB")
        square = min(*image.size, max(side, 400))
        left, top = (int(draws.integers(0, length - square + 1)) for length in image.size)
        cut = image.crop((left, top, left + square, top + square))
        found.append(np.asarray(cut.resize((side, side), Image.Resampling.BICUBIC)))
    return np.stack(found)
