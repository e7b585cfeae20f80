"""Images under a corruption: pixels to pixels."""

from collections.abc import Iterator
from typing import Literal

import torch

from datamodules.corruptions.drawn import Draws
from datamodules.corruptions.kinds.digital import through_jpeg
from datamodules.corruptions.kinds.named import NAMED, Corruption
from datamodules.corruptions.pixels import luma
from datamodules.corruptions.severities import Severity, severity, table_of
from datamodules.sampling.image_draws import image_generators
from datamodules.sampling.random_streams import Integers

Reencode = Literal["auto", "none", "85"]
_QUALITY = 85
_VALUES = 1 << 17  # of images at a time: as many as stay in a core's cache


def corrupt(
    pixels: torch.Tensor,
    *,
    name: str,
    level: int,
    seed: int,
    indices: Integers,
    reencode: Reencode = "auto",
) -> torch.Tensor:
    """Images under a corruption of the benchmark (arXiv 1903.12261), made in memory.

    An image's pixels are a function of (seed, name, level, its number), never of the batch.

    Args:
        pixels: (N, C, S, S) uint8 on the CPU, C 1 or 3; above 224 px corrupt the 224 px crop.
        name: such as `fog`.
        level: severity, 1 to 5.
        seed: of the draws.
        indices: (N,) numbers of the images in their set.
        reencode: how they are stored afterwards, see `stored_quality`.

    Returns:
        (N, C, S, S) uint8.

    Raises:
        ValueError: no such corruption or level; images that it is not defined for.
    """
    height, width = pixels.shape[-2:]
    if height != width:
        raise ValueError(f"corruptions are defined for square images, found {height} x {width} px")
    how_strong = severity(name, level, table=table_of(width))
    require_defined(name, how_strong, channels=pixels.shape[1])
    parts = []
    for part, numbers in _parts(pixels, indices):
        draws = image_generators(f"corruptions/{name}", level=level, seed=seed, indices=numbers)
        parts.append(_corrupted(NAMED[name], part, how_strong, draws))
    whole = torch.cat(parts) if len(parts) != 1 else parts[0]
    quality = stored_quality(reencode, table=how_strong.table)
    return whole if quality is None else through_jpeg(whole, quality=quality)


def require_defined(name: str, how_strong: Severity, *, channels: int) -> None:
    """Raise ValueError, with the reason, for what a corruption cannot be made of, or here."""
    if channels not in (1, 3):
        raise ValueError(f"corruptions are defined for images of 1 or 3 channels, found {channels}")
    corruption = NAMED[name]
    if channels == 1 and corruption.grey == "none":
        raise ValueError(f"{name} is not defined for images of one channel")
    if (reason := corruption.refusal(how_strong)) is not None:
        raise ValueError(reason)


def stored_quality(reencode: Reencode, *, table: int) -> int | None:
    """The JPEG quality that corrupted images are stored with; None: they are not.

    auto: as the benchmark's files were, with 85 at 224 and 64 px and as arrays at 32 px.
    """
    if reencode == "auto":
        return None if table == 32 else _QUALITY
    return None if reencode == "none" else int(reencode)


def _corrupted(
    corruption: Corruption, pixels: torch.Tensor, how_strong: Severity, draws: Draws
) -> torch.Tensor:
    if corruption.grey == "luma" and pixels.shape[1] == 1:
        return luma(corruption.function(pixels.repeat(1, 3, 1, 1), how_strong, draws))
    return corruption.function(pixels, how_strong, draws)


def _parts(pixels: torch.Tensor, indices: Integers) -> Iterator[tuple[torch.Tensor, Integers]]:
    # contiguous: sums over channels that lie last take four times as long
    size = max(1, _VALUES // max(1, pixels[0].numel()))
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size].contiguous(), indices[start : start + size]
