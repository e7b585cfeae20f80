"""One image of a source -> the bytes that stand in a beton."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.beton.format import JPEG, RAW
from datamodules.beton.manifest import EncodeOptions
from datamodules.decoding.decode import readable, reason
from datamodules.decoding.jpeg_damage import with_huffman_tables

MAX_SIDE = 65535
# A page is a power of two of 32 bits; one system call reads less than 2 GiB.
MAX_BYTES = 1 << 30

Transcode = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Encoded:
    """A sample: its bytes, and `moments`, the mean of x and of x * x for each channel of 0..1."""

    mode: int
    width: int
    height: int
    data: bytes
    moments: NDArray[np.float64] | None = None  # (2, 3)


@dataclass(frozen=True)
class Unreadable:
    """A sample that cannot be had, and why."""

    reason: str


def encode_file(
    path: bytes,
    options: EncodeOptions,
    *,
    jpeg: bool,
    measure: bool,
    transcode: Transcode | None = None,
) -> Encoded | Unreadable:
    """Read and encode an image file of any mode; EXIF rotation is ignored, as in training.

    A JPEG that stays as it is gets the Huffman tables that it lacks: FFCV's decoder would take them
    from another image.

    Args:
        path: the file, as the file system names it.
        options: how.
        jpeg: whether to encode as JPEG what is not kept as it is, else as raw pixels.
        measure: whether to compute `moments`.
        transcode: puts restart markers into a JPEG that is kept; None: it is kept as it is.

    Raises:
        ValueError: the machine lacks what it takes to decode it.
    """
    data = None
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the name may be no text
            content = file.read()
        with Image.open(io.BytesIO(content)) as image:
            rgb = readable(image, content)
            if options.encode == "original" and _can_stay(image, content, options):
                data = _kept(content, transcode)
    except FileNotFoundError:
        return Unreadable("it is gone")
    except Exception as error:
        return Unreadable(reason(error, os.fsdecode(path)))
    if data is not None:
        return Encoded(JPEG, *rgb.size, data, _moments(rgb) if measure else None)
    return encode_image(rgb, options, jpeg=jpeg, measure=measure)


def encode_array(
    pixels: NDArray[np.uint8], options: EncodeOptions, *, jpeg: bool, measure: bool
) -> Encoded | Unreadable:
    """Encode an image in memory, (C, H, W) with 1 or 3 channels."""
    image = pixels.transpose(1, 2, 0)
    rgb = Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0]).convert("RGB")
    return encode_image(rgb, options, jpeg=jpeg, measure=measure)


def encode_image(
    image: Image.Image, options: EncodeOptions, *, jpeg: bool, measure: bool
) -> Encoded | Unreadable:
    """Encode an RGB image, reduced to `options.max_side`."""
    image = _reduced(image, options.max_side)
    width, height = image.size
    if max(width, height) > MAX_SIDE or (not jpeg and 3 * width * height > MAX_BYTES):
        return Unreadable(f"{width} x {height} pixels are too many: use --max-side")
    data = _jpeg(image, options) if jpeg else image.tobytes()
    moments = _moments(image) if measure else None
    return Encoded(JPEG if jpeg else RAW, width, height, data, moments)


def restart_interval(width: int) -> int:
    """MCUs (16 pixels wide) between restart markers, such that every row starts after one."""
    row = -(-width // 16)
    return next((number for number in range(2, 9) if row % number == 0), 1)


def _kept(content: bytes, transcode: Transcode | None) -> bytes:
    if transcode is not None:
        try:
            return transcode(content)
        except ValueError:
            pass  # readable, but too finely sampled for one scan: it stays without restart markers
    return with_huffman_tables(content)


def _can_stay(image: Image.Image, content: bytes, options: EncodeOptions) -> bool:
    """Whether FFCV's decoder reads this file as it is: no CMYK, no lossless or 12-bit JPEG."""
    if image.format not in ("JPEG", "MPO") or image.mode not in ("RGB", "L"):
        return False
    if max(image.size) > min(options.max_side or MAX_SIDE, MAX_SIDE):
        return False
    return _huffman_8_bit(content)


def _huffman_8_bit(content: bytes) -> bool:
    """Whether the frame is baseline or progressive, of 8 bits, and whole to its end marker."""
    place, found = 2, False
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a byte of padding
            place += 1
            continue
        if marker in (0xC0, 0xC1, 0xC2):
            found = content[place + 4 : place + 5] == b"\x08"
        if marker == 0xDA:
            return found and content.find(b"\xff\xd9", place) > 0
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return False


def _reduced(image: Image.Image, max_side: int | None) -> Image.Image:
    longest = max(image.size)
    if max_side is None or longest <= max_side:
        return image
    ratio = max_side / longest
    width, height = (max(1, int(ratio * side)) for side in image.size)  # as FFCV rounds
    # PIL widens the filter when it reduces, so that nothing aliases.
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _jpeg(image: Image.Image, options: EncodeOptions) -> bytes:
    blocks = restart_interval(image.width) if options.restart else 0
    # Into a real file, since only then does Pillow encode without the interpreter's lock.
    with os.fdopen(os.memfd_create("jpeg"), "w+b") as file:
        image.save(
            file,
            "JPEG",
            quality=options.quality,
            subsampling="4:2:0",
            restart_marker_blocks=blocks,
            comment="",
        )
        file.seek(0)
        return file.read()


def _moments(image: Image.Image) -> NDArray[np.float64]:
    counts = np.array(image.histogram(), np.float64).reshape(3, 256)
    levels = np.arange(256) / 255
    return np.stack([counts @ levels, counts @ levels**2]) / (image.width * image.height)
