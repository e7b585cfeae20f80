"""The compiled decoder (`decode.c`), through ctypes. Optional: `library` says whether it is there.

It is built with the package where a C compiler and libjpeg-turbo's headers are. Without it the
readers use Pillow's and FFCV's own operations, and a run says so.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_float, c_int32, c_int64, c_uint8, c_void_p
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from datamodules.augment.geometry import Crops
from datamodules.augment.windows import Windows
from datamodules.catalog.loader_choice import compiled_decoder
from datamodules.sampling.random_streams import Integers

# What decode.c answers for an image; 0 is fine.
PROBLEMS = {
    1: "its JPEG data is damaged or cut short",
    2: "its pixels have another size than its header says",
    3: "there is no memory for it",
    4: "its crop does not lie inside it",
    5: "it is a CMYK JPEG",
    6: "it is a kind of JPEG that libjpeg-turbo does not decode",
}
NO_MEMORY, UNSUPPORTED = 3, 6
FILTERS = {"nearest": 0, "bilinear": 1, "bicubic": 2}
# One stored image: address, size, mode, height, width, sample index; see Job in decode.c.
JOB_FIELDS = 6
Pixels = NDArray[np.uint8]
# mean and standard deviation of each channel, of pixels in 0..1
Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


class Options(Structure):
    """Mirrors Options in decode.c."""

    _fields_ = [
        ("crops", c_void_p),
        ("codes", c_void_p),
        *((name, c_int32) for name in ("side", "filter", "threads", "planar", "floats")),
        ("scale", c_float * 3),
        ("shift", c_float * 3),
        ("restart", c_int32),
        ("portable", c_int32),
    ]


@dataclass(frozen=True)
class Layout:
    """What a crop becomes.

    Attributes:
        interpolation: nearest, bilinear or bicubic, antialiased.
        planar: (C, H, W) and not (H, W, C) in memory.
        mean: of the channels in 0..1; with `std`: float32 output (x / 255 - mean) / std.
        std: standard deviations of the channels in 0..1.
        restart: cut files with restart markers.
        portable: never use AVX2 (the pixels are the same).
    """

    interpolation: str = "bilinear"
    planar: bool = False
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    restart: bool = True
    portable: bool = False


@cache
def library() -> ctypes.CDLL | None:
    """The compiled decoder, or None where it was not built, or from another source."""
    built, _ = compiled_decoder()
    if built is None:
        return None
    try:
        found = ctypes.CDLL(str(built))
    except OSError:  # libjpeg has gone since
        return None
    found.crop_batch.argtypes = [c_void_p, c_void_p, c_int64, c_void_p]
    found.crop_batch.restype = c_int64
    found.decode_whole.argtypes = [c_void_p, c_int64, c_void_p, c_int64, c_int64]
    found.transcode.argtypes = [c_void_p, c_int64, c_int64, POINTER(POINTER(c_uint8))]
    found.transcode.restype = c_int64
    found.release.argtypes = [POINTER(c_uint8)]
    found.release.restype = None
    found.gather.argtypes = [c_void_p, c_void_p, *[c_int64] * 5, *[c_void_p] * 6]
    found.gather.restype = None
    return found


def required() -> ctypes.CDLL:
    """The compiled decoder.

    Raises:
        ValueError: it was not built, with what to do.
    """
    found = library()
    if found is None:
        why = compiled_decoder()[1] or "is not there"
        raise ValueError(
            f"The compiled decoder {why}: install a C compiler and libjpeg-turbo's headers "
            "(Debian: gcc libjpeg-dev) and install this package again."
        )
    return found


def options(layout: Layout, *, crops: Crops, codes: Pixels, side: int, threads: int = 1) -> Options:
    """The options of `crop_batch`; the arrays have to outlive them."""
    floats = layout.mean is not None and layout.std is not None
    mean, std = layout.mean or (0.0,) * 3, layout.std or (1.0,) * 3
    return Options(
        crops=crops.ctypes.data,
        codes=codes.ctypes.data,
        side=side,
        filter=FILTERS[layout.interpolation],
        threads=threads,
        planar=layout.planar,
        floats=floats,
        scale=(c_float * 3)(*(1 / (255 * s) for s in std)),
        shift=(c_float * 3)(*(-m / s for m, s in zip(mean, std, strict=True))),
        restart=layout.restart,
        portable=layout.portable,
    )


def decode(jpeg: bytes, *, height: int, width: int) -> Pixels:
    """A whole JPEG as RGB (height, width, 3).

    Raises:
        ValueError: what is wrong with it.
        MemoryError: there is not enough for it.
    """
    pixels = np.empty((height, width, 3), np.uint8)
    code = required().decode_whole(jpeg, len(jpeg), pixels.ctypes.data, height, width)
    _raise(code, "decoded")
    return pixels


def _raise(code: int, what: str) -> None:
    if code:
        error = MemoryError if code == NO_MEMORY else ValueError
        raise error(f"The JPEG cannot be {what}: {PROBLEMS[code]}.")


def damage(jpeg: bytes) -> str | None:
    """Why no reader should use a JPEG of any colours, or None: libjpeg-turbo lost pixels of it.

    Says nothing of kinds that it does not decode at all.

    Raises:
        MemoryError: there is not enough for it.
    """
    code = required().decode_whole(jpeg, len(jpeg), None, 0, 0)
    if code == NO_MEMORY:
        _raise(code, "decoded")
    return PROBLEMS[code] if code not in (0, UNSUPPORTED) else None


def transcode(jpeg: bytes, *, interval: int = 0) -> bytes:
    """The same pixels as a baseline JPEG with restart markers, which can be cut without decoding.

    Args:
        jpeg: any JPEG with three components or one; its coefficients are kept, no pixel changes.
        interval: MCUs between two markers; 0: the smallest divisor of a row's MCUs from 2 to 8,
            else 1, so that every row starts at a marker.

    Raises:
        ValueError: what is wrong with it.
        MemoryError: there is not enough for it.
    """
    found, out = required(), POINTER(c_uint8)()
    size = found.transcode(jpeg, len(jpeg), interval, ctypes.byref(out))
    _raise(max(0, -size), "transcoded")
    try:
        return ctypes.string_at(out, size)
    finally:
        found.release(out)


def gather(
    pixels: Pixels, indices: Integers, windows: Windows, *, normalise: Normalisation | None = None
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """The windows of some images in memory, in one pass.

    Args:
        pixels: (M, C, H, W), contiguous.
        indices: (N,) which of them.
        windows: what is seen of each.
        normalise: mean and std of the channels in 0..1, for float32 output.

    Returns:
        (N, C, H, W) uint8, or float32 with mean 0 and standard deviation 1.
    """
    chosen = np.ascontiguousarray(indices, np.int64)
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(pixels):
        raise ValueError(f"There are {len(pixels)} images, but image {chosen.max()} was asked for.")
    kind = np.uint8 if normalise is None else np.float32
    out = np.empty((len(chosen), *pixels.shape[1:]), kind)
    # the same rounding as torch's sub_ and div_ by these numbers
    scales = [np.asarray(n, np.float32) * np.float32(255) for n in normalise or ()]
    flip = None if windows.flip is None else windows.flip.astype(np.uint8)
    arrays = (windows.top, windows.left, flip, *(scales or (None, None)))
    required().gather(
        pixels.ctypes.data,
        chosen.ctypes.data,
        len(chosen),
        *pixels.shape[1:],
        windows.pad,
        *(None if array is None else array.ctypes.data for array in arrays),
        out.ctypes.data,
    )
    return out
