"""From a file to an RGB image, and whether a file is one."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

# All that PIL's decoders raise on bytes that are not what they should be.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)
# The last bytes of a whole file. Anything else is decoded to be sure.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}


def read_rgb(path: str | Path) -> Image.Image:
    """Decode an image file of any mode as RGB. EXIF rotation is ignored, as torchvision does.

    Raises:
        ValueError: the file cannot be decoded; the message names it.
    """
    try:
        with Image.open(path) as image:
            return to_rgb(image)
    except UNREADABLE as error:
        raise _undecodable(path, error) from error


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels, from the header.

    Raises:
        ValueError: the file is no image; the message names it.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except UNREADABLE as error:
        raise _undecodable(path, error) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in mode RGB; alpha is dropped and 16 bits become 8."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        # PIL would clip at 255 and make nearly every pixel white.
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _undecodable(path: str | Path, error: Exception) -> ValueError:
    return ValueError(
        f"The image {path} cannot be decoded ({error}). Replace or remove it; data.verify=full "
        "finds every such file before training, and data.bad_images=skip leaves them out."
    )


def problem(path: str | Path, *, full: bool) -> str | None:
    """Why the file is no readable image, or None.

    Args:
        path: the file.
        full: decode every pixel. Otherwise only a file that does not end as its format ends is
            decoded, which finds truncated files at the price of opening them.
    """
    try:
        with Image.open(path) as image:
            if full or not _ends_well(path, image.format or ""):
                image.load()
    except UnidentifiedImageError:
        return "empty file" if Path(path).stat().st_size == 0 else "not an image"
    except UNREADABLE as error:
        return str(error) or type(error).__name__
    return None


def _ends_well(path: str | Path, kind: str) -> bool:
    end = _ENDS.get(kind)
    if end is None:
        return False
    with Path(path).open("rb") as file:
        file.seek(-len(end), os.SEEK_END)
        return file.read() == end
