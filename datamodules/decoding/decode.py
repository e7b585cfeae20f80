"""Decoding an image file as RGB, and the one test of whether a file can be decoded.

An image is readable if Pillow decodes it, its values have a known range (`levels`), and, of a JPEG,
no pixel is lost (`jpeg_damage`). Whatever a decoder raises is a reason why it is not, but for what
the machine lacks, which says nothing of the file.
"""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from datamodules.decoding import jpeg_damage
from datamodules.decoding.levels import check_range, to_rgb

# The last bytes of a whole file. Anything else is decoded to be sure.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def read_rgb(path: str | Path, *, examine: bool = True) -> Image.Image:
    """Decode an image file of any mode as RGB. EXIF rotation is ignored, as torchvision does.

    Args:
        path: the file.
        examine: look for lost pixels of a JPEG too, which takes about as long as decoding it.

    Raises:
        ValueError: the file is not readable; the message names it.
    """
    try:
        content = Path(path).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            return readable(image, content) if examine else to_rgb(image)
    except Exception as error:
        raise _undecodable(path, reason(error, path)) from error


def readable(image: Image.Image, content: bytes) -> Image.Image:
    """An image that was just opened as RGB.

    Args:
        image: as Pillow opens it, nothing decoded yet.
        content: the bytes that it was opened from.

    Raises:
        Exception: it is not readable. See `reason`.
    """
    rgb = to_rgb(image)
    lost = jpeg_damage.damage(content) if image.format in ("JPEG", "MPO") else None
    if lost is not None:
        raise ValueError(lost)
    return rgb


def reason(error: Exception, name: object) -> str:
    """Why a file is not readable, from what decoding it raised.

    Raises:
        ValueError: the machine is at fault, and the file may be fine; the message names it.
    """
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number in _EXHAUSTED:
        lacking = "open files" if number in (errno.EMFILE, errno.ENFILE) else "memory"
        raise ValueError(
            f"The machine has not enough {lacking} to decode the image {name}, which may be fine. "
            "Use fewer workers, or a smaller batch, and try again."
        ) from error
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels, from the header.

    Raises:
        ValueError: the file is no image; the message names it.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except Exception as error:
        raise _undecodable(path, reason(error, path)) from error


def problem(path: str | Path, *, full: bool) -> str | None:
    """Why the file is no readable image, or None.

    Args:
        path: the file.
        full: decode every pixel. Otherwise only a file that does not end as its format ends is
            decoded, which finds truncated files at the price of opening them.
    """
    try:
        with Image.open(path) as image:
            check_range(image)
            if not full and _ends_well(path, image.format or ""):
                return None
            readable(image, Path(path).read_bytes())
    except Exception as error:
        why = reason(error, path)
        return "empty file" if _is_empty(path) else why
    return None


def _undecodable(path: str | Path, why: str) -> ValueError:
    return ValueError(
        f"The image {path} cannot be decoded ({why}). Replace or remove it; data.verify=full "
        "finds every such file before training, and data.bad_images=skip leaves them out."
    )


def _is_empty(path: str | Path) -> bool:
    return Path(path).is_file() and Path(path).stat().st_size == 0


def _ends_well(path: str | Path, kind: str) -> bool:
    end = _ENDS.get(kind)
    if end is None:
        return False
    with Path(path).open("rb") as file:
        file.seek(-len(end), os.SEEK_END)
        return file.read() == end
