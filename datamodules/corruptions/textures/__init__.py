"""Pictures of frost, decoded once; NOTICE says whose they are."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

# The five that the benchmark draws from; the second and the third show the same pixels.
FOLDER = Path(__file__).parent
FILES = ("frost1.png", "frost2.png", "frost2.png", "frost4.jpg", "frost5.jpg")


def texture(number: int, *, scale: float, side: int) -> torch.Tensor:
    """A picture `(3, height, width)` uint8, both sides of which are more than `side` pixels.

    Args:
        number: from 0 to 4.
        scale: of the benchmark for images of about this side.
        side: of the crops to be cut. A picture too small for them is scaled by more than `scale`.
    """
    least = min(_decoded(FILES[number]).shape[1:])
    return _scaled(FILES[number], max(scale, (side + 2) / least))


@lru_cache(maxsize=64)
def _scaled(file: str, scale: float) -> torch.Tensor:
    picture = _decoded(file)
    if scale == 1:
        return picture
    # without a filter that would keep fine structure from aliasing, as in the benchmark
    scaled = interpolate(
        picture[None].float(), scale_factor=scale, mode="bilinear", recompute_scale_factor=False
    )
    return scaled[0].round().to(torch.uint8)


@lru_cache(maxsize=len(set(FILES)))
def _decoded(file: str) -> torch.Tensor:
    with Image.open(FOLDER / file) as image:
        pixels = np.array(image.convert("RGB"))  # drops a PNG's transparency, as the benchmark did
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
