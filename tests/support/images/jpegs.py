"""JPEGs of every kind for the tests of the compiled decoder, and direct calls of it."""

import ctypes
import ctypes.util
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from datamodules.augment.geometry import CROP, Crops
from datamodules.decoding import native

Pixels = NDArray[Any]
JPG, RAW = 0, 1
# As libturbojpeg numbers them.
SAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2, "4:4:0": 4, "4:1:1": 5}


def jpeg(image: Image.Image, **values: Any) -> bytes:
    """Written by Pillow; `values` are of its writer."""
    file = io.BytesIO()
    image.save(file, "JPEG", **{"quality": 90, **values})
    return file.getvalue()


def sampled(image: Image.Image, sampling: str) -> bytes:
    """With any subsampling of the chroma, by libturbojpeg, since Pillow writes only three."""
    library = ctypes.CDLL(ctypes.util.find_library("turbojpeg"))
    library.tjInitCompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.tjInitCompress())
    pixels = np.ascontiguousarray(image.convert("RGB"))
    data, size = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_ulong()
    code = library.tjCompress2(
        handle,
        pixels.ctypes.data_as(ctypes.c_void_p),
        *(image.width, 3 * image.width, image.height, 0),
        *(ctypes.byref(data), ctypes.byref(size), SAMPLINGS[sampling], 90, 0),
    )
    assert code == 0
    content = ctypes.string_at(data, size.value)
    library.tjFree(data)
    library.tjDestroy(handle)
    return content


def boxes(*given: tuple[float, ...], clip: bool = True, flip: bool = False) -> Crops:
    """Crops of (left, top, right, bottom)."""
    crops = np.zeros(len(given), CROP)
    for row, box in zip(crops, given, strict=True):
        row["left"], row["top"], row["right"], row["bottom"] = box
    crops["clip"], crops["flip"] = clip, flip
    return crops


def decode_all(
    stored: Sequence[bytes],
    sizes: Sequence[tuple[int, int]],
    crops: Crops,
    *,
    side: int,
    mode: int = JPG,
    threads: int = 1,
    **layout: Any,
) -> tuple[Pixels, Pixels]:
    """One call of the decoder.

    Args:
        stored: the bytes of each image.
        sizes: (width, height) of each as a file says it.
        crops: of each.
        side: of the output in pixels.
        mode: JPG or RAW.
        threads: of the call.
        layout: values of `native.Layout`.

    Returns:
        Pixels (N, side, side, 3), or (N, 3, side, side) if planar; and the codes (N,).
    """
    chosen, codes = native.Layout(**layout), np.full(len(stored), 255, np.uint8)
    # Buffers of the exact sizes, so that a read beyond the end has a chance to be noticed.
    memory = [ctypes.create_string_buffer(data, len(data)) for data in stored]
    jobs = np.zeros((len(stored), native.JOB_FIELDS), np.int64)
    for index, (data, (width, height)) in enumerate(zip(memory, sizes, strict=True)):
        jobs[index] = ctypes.addressof(data), len(stored[index]), mode, height, width, index
    shape = (3, side, side) if chosen.planar else (side, side, 3)
    floats = chosen.mean is not None
    out = np.full((len(stored), *shape), 77, np.float32 if floats else np.uint8)
    options = native.options(chosen, crops=crops, codes=codes, side=side, threads=threads)
    failed = native.required().crop_batch(
        ctypes.byref(options), jobs.ctypes.data, len(stored), out.ctypes.data
    )
    assert failed == np.count_nonzero(codes)
    return out, codes


def decode_one(
    data: bytes, size: tuple[int, int], crops: Crops, *, side: int, **values: Any
) -> Pixels:
    """One image through several crops, all of which have to be fine."""
    count = len(crops)
    pixels, codes = decode_all([data] * count, [size] * count, crops, side=side, **values)
    assert not codes.any()
    return pixels


def expected(
    data: bytes, crops: Crops, *, side: int, interpolation: str = "bilinear"
) -> Iterator[Pixels]:
    """The same crops by Pillow's decoder and torchvision's antialiased resized_crop."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import hflip, resized_crop

    with Image.open(io.BytesIO(data)) as image:
        whole = image.convert("RGB")
    for crop in crops:
        left, top, right, bottom = (
            round(float(crop[name])) for name in ("left", "top", "right", "bottom")
        )
        mode = InterpolationMode(interpolation)
        found = resized_crop(whole, top, left, bottom - top, right - left, [side, side], mode)
        yield np.asarray(hflip(found) if crop["flip"] else found)


def resized_in_floats(
    image: Image.Image, crops: Crops, *, side: int, interpolation: str
) -> Iterator[NDArray[np.float64]]:
    """The same crops by PyTorch's antialiased filters in float64: rows, then columns, unrounded.

    What bicubic overshoots is cut off after each of the two, as the decoder does it.
    """
    pixels = np.asarray(image.convert("RGB"), np.float64)
    for crop in crops:
        left, top, right, bottom = (
            round(float(crop[name])) for name in ("left", "top", "right", "bottom")
        )
        window = pixels[top:bottom, left:right]
        down = _filter(bottom - top, side, interpolation)
        across = _filter(right - left, side, interpolation)
        rows = np.einsum("ij,jxc->ixc", down, window).clip(0, 255)
        found = np.einsum("ij,yjc->yic", across, rows).clip(0, 255)
        yield found[:, ::-1] if crop["flip"] else found


def _filter(length: int, side: int, interpolation: str) -> NDArray[np.float64]:
    """The weights of a resize of one dimension, (side, length): what it makes of unit vectors."""
    units = torch.eye(length, dtype=torch.float64)[None, None]
    made = functional.interpolate(units, [side, length], mode=interpolation, antialias=True)
    return made[0, 0].numpy()


def difference(left: Pixels, right: Pixels) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(left.astype(np.float64) - right).mean())


def cut_positions(data: bytes) -> list[int]:
    """Where the restart markers of a JPEG stand."""
    scan = data.index(b"\xff\xda")
    return [
        at for at in range(scan, len(data) - 1) if data[at] == 255 and 0xD0 <= data[at + 1] <= 0xD7
    ]
