"""The compiled decoder gives what Pillow's decoder and torchvision's antialiased resize give."""

import hashlib
import importlib.util
import io
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datamodules.augment.geometry import Crops, eval_crops
from datamodules.catalog.loader_choice import DECODER_VERSION, compiled_decoder
from datamodules.decoding import native
from tests.support.images.jpegs import (
    RAW,
    SAMPLINGS,
    Pixels,
    boxes,
    decode_all,
    decode_one,
    difference,
    expected,
    jpeg,
    resized_in_floats,
    sampled,
)
from tests.support.images.photographs import cuts

WIDTH, HEIGHT = SIZE = (200, 150)
PHOTOGRAPH = cuts(2, SIZE)[1]


def random_boxes(count: int, size: tuple[int, int] = SIZE, *, least: int = 1) -> Crops:
    """Boxes with whole corners inside an image, no side below `least`."""
    draws, found = np.random.default_rng(0), []
    for _ in range(count):
        width, height = (int(draws.integers(least, side + 1)) for side in size)
        left, top = (
            int(draws.integers(0, side - length + 1))
            for side, length in zip(size, (width, height), strict=True)
        )
        found.append((left, top, left + width, top + height))
    return boxes(*found)


def edges(width: int = WIDTH, height: int = HEIGHT) -> Crops:
    """The whole image, its first and last pixel, row and column, and a part from the middle."""
    return boxes(
        (0, 0, width, height),
        (0, 0, 1, 1),
        (width - 1, height - 1, width, height),
        (0, height - 1, width, height),
        (width - 1, 0, width, height),
        (width // 3, height // 3, width // 3 + 17, height // 3 + 9),
    )


def differences(data: bytes, crops: Crops, size: tuple[int, int] = SIZE, **values: Any) -> Pixels:
    """To Pillow and torchvision, of each crop."""
    got = decode_one(data, size, crops, **values)
    wanted = {key: values[key] for key in ("side", "interpolation") if key in values}
    pairs = zip(got, expected(data, crops, **wanted), strict=True)
    return np.array([difference(ours, theirs) for ours, theirs in pairs])


@pytest.mark.parametrize("restart", [False, True], ids=["plain", "restart markers"])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_crops_are_those_of_pillow_and_torchvision(sampling: str, restart: bool) -> None:
    data = sampled(PHOTOGRAPH, sampling)
    data = native.transcode(data) if restart else data
    for side, interpolation in ((7, "bilinear"), (20, "bicubic"), (64, "bilinear")):
        crops = np.concatenate([edges(), random_boxes(12, least=side)])
        # Below six times the target nothing is reduced, and each crop is within the bound.
        extent = np.minimum(crops["right"] - crops["left"], crops["bottom"] - crops["top"])
        crops = crops[extent < 6 * side]
        found = differences(data, crops, side=side, interpolation=interpolation)
        assert found.max() <= 0.3, (side, interpolation)
    whole = differences(data, edges()[[0, 5]], side=224, interpolation="bicubic")
    assert whole.max() <= 0.3


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("side", [20, 32, 64])
def test_large_crops_from_a_smaller_dct_differ_as_little_on_average(
    side: int, interpolation: str
) -> None:
    """Half, a quarter, an eighth of the size: measured 0.13 to 0.28, single crops to 0.8."""
    size = (600, 400)
    data = jpeg(cuts(2, size)[1])
    crops = random_boxes(40, size, least=min(6 * side, 399))
    found = differences(data, crops, size, side=side, interpolation=interpolation)
    assert found.mean() <= 0.3
    assert found.max() <= 1.0


def test_a_crop_that_is_not_resized_has_the_pixels_of_a_full_decode() -> None:
    """Also where decoding begins inside the image: skipped rows and columns change nothing."""
    for sampling in SAMPLINGS:
        data = sampled(PHOTOGRAPH, sampling)
        whole = native.decode(data, height=HEIGHT, width=WIDTH)
        corners = [(0, 0), (1, 1), (7, 9), (16, 16), (31, 33), (100, 50), (136, 86), (77, 61)]
        crops = boxes(*((x, y, x + 64, y + 64) for x, y in corners))
        for file in (data, native.transcode(data), native.transcode(data, interval=1)):
            got = decode_one(file, SIZE, crops, side=64)
            for pixels, (x, y) in zip(got, corners, strict=True):
                np.testing.assert_array_equal(pixels, whole[y : y + 64, x : x + 64])


@pytest.mark.parametrize(
    "values",
    [
        {"progressive": True},
        {"progressive": True, "subsampling": "4:2:0"},
        {"quality": 100, "subsampling": "4:4:4"},
        {"quality": 5},
        {"restart_marker_rows": 1},
        {"restart_marker_blocks": 7},
        {"restart_marker_blocks": 13},
        {"optimize": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_whatever_pillow_writes_is_read(values: dict[str, Any], mode: str) -> None:
    data = jpeg(PHOTOGRAPH.convert(mode), **values)
    crops = np.concatenate([edges(), random_boxes(8)])
    for side, least in ((20, 1), (64, 1)):
        extent = np.minimum(crops["right"] - crops["left"], crops["bottom"] - crops["top"])
        chosen = crops[(extent >= least) & (extent < 6 * side)]
        assert differences(data, chosen, side=side).max() <= 0.3


def test_exif_rotation_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, turned = jpeg(PHOTOGRAPH), jpeg(PHOTOGRAPH, exif=exif.tobytes(), icc_profile=b"x" * 999)
    assert plain != turned
    for data in (turned, native.transcode(turned)):
        np.testing.assert_array_equal(
            decode_one(data, SIZE, edges(), side=32), decode_one(plain, SIZE, edges(), side=32)
        )


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 1), (1, 9), (3, 3), (17, 5), (33, 47), (47, 33), (16, 16), (9, 200)]
)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_odd_and_tiny_images_are_read_to_their_last_row(
    size: tuple[int, int], sampling: str
) -> None:
    data = sampled(PHOTOGRAPH.resize(size), sampling)
    crops = boxes((0, 0, *size), (size[0] - 1, size[1] - 1, *size), (0, size[1] - 1, *size))
    for side in (1, 7, 16, 33):
        reduced = min(size) >= 6 * side
        for file in (data, native.transcode(data)):
            found = differences(file, crops[reduced:], size, side=side, interpolation="bicubic")
            # One pixel has three values, each rounded.
            assert found.max() <= (0.3 if side > 1 else 1), side


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (17, 40), SIZE])
def test_raw_pixels_are_resized_as_pillow_does(size: tuple[int, int]) -> None:
    image = PHOTOGRAPH.resize(size)
    data, file = image.tobytes(), io.BytesIO()
    image.save(file, "PNG")
    crops = np.concatenate([edges(*size)[:5], random_boxes(12, size)])
    for side, interpolation in ((1, "bilinear"), (7, "bicubic"), (20, "bicubic"), (33, "bilinear")):
        got = decode_one(data, size, crops, side=side, mode=RAW, interpolation=interpolation)
        wanted = expected(file.getvalue(), crops, side=side, interpolation=interpolation)
        exact = resized_in_floats(image, crops, side=side, interpolation=interpolation)
        for ours, theirs, unrounded in zip(got, wanted, exact, strict=True):
            assert np.abs(ours - unrounded).max() <= 0.75
            # Pillow begins with the columns and rounds in between; its versions differ in that.
            assert interpolation == "bicubic" or np.abs(ours.astype(int) - theirs).max() <= 1
            assert side == 1 or difference(ours, theirs) <= 0.4
    own = boxes((0, 0, *size))
    if size[0] == size[1]:
        same = decode_one(data, size, own, side=size[0], mode=RAW)
        np.testing.assert_array_equal(same[0], np.asarray(image))


def test_the_evaluation_crop_is_torchvisions_resize_and_centre_crop() -> None:
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    for size in (SIZE, SIZE[::-1], (151, 199), (64, 64), (200, 65)):
        image = cuts(1, size)[0]
        data = jpeg(image)
        with Image.open(io.BytesIO(data)) as decoded:
            decoded.load()
        for side, ratio in ((56, 0.875), (33, 1.0), (64, 0.96), (200, 0.875)):
            # The short side is rounded down, as timm and torchvision's recipes do.
            resize = Resize(int(side / ratio), InterpolationMode.BILINEAR)
            wanted = np.asarray(Compose([resize, CenterCrop(side)])(decoded))
            height, width = np.array([size[1]]), np.array([size[0]])
            crop = eval_crops(height, width, side=side, crop_ratio=ratio)
            assert difference(decode_one(data, size, crop, side=side)[0], wanted) <= 0.3


def batch(**values: Any) -> Pixels:
    """Six kinds of files, eight crops of each, in one call."""
    files = [
        jpeg(PHOTOGRAPH),
        jpeg(PHOTOGRAPH, progressive=True),
        jpeg(PHOTOGRAPH.convert("L")),
        native.transcode(jpeg(PHOTOGRAPH)),
        sampled(PHOTOGRAPH, "4:1:1"),
        sampled(PHOTOGRAPH, "4:4:0"),
    ]
    crops = np.concatenate([random_boxes(8)] * 6)
    crops["flip"] = values.pop("flip", False)
    stored = [file for file in files for _ in range(8)]
    pixels, codes = decode_all(stored, [SIZE] * 48, crops, **values)
    assert not codes.any()
    return pixels


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("side", [1, 7, 16, 20, 224])
def test_threads_processor_and_order_of_axes_change_no_pixel(side: int, interpolation: str) -> None:
    one = batch(side=side, interpolation=interpolation)
    for threads in (2, 3, 8, 64):
        np.testing.assert_array_equal(
            batch(side=side, interpolation=interpolation, threads=threads), one
        )
    portable = batch(side=side, interpolation=interpolation, portable=True)
    np.testing.assert_array_equal(portable, one)
    whole = batch(side=side, interpolation=interpolation, restart=False)
    np.testing.assert_array_equal(whole, one)
    planar = batch(side=side, interpolation=interpolation, planar=True)
    np.testing.assert_array_equal(planar.transpose(0, 2, 3, 1), one)
    for values in ({}, {"portable": True}):
        flipped = batch(side=side, interpolation=interpolation, flip=True, **values)
        np.testing.assert_array_equal(flipped, one[:, :, ::-1])
    mirrored = batch(side=side, interpolation=interpolation, flip=True, planar=True)
    np.testing.assert_array_equal(mirrored.transpose(0, 2, 3, 1), one[:, :, ::-1])


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("side", [7, 20])
def test_floats_are_the_normalised_bytes(side: int, planar: bool) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    levels = batch(side=side, planar=planar)
    floats = batch(side=side, planar=planar, mean=mean, std=std)
    shape = (1, 3, 1, 1) if planar else (1, 1, 1, 3)
    wanted = (levels / 255 - np.reshape(mean, shape)) / np.reshape(std, shape)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, wanted, rtol=0, atol=1e-6)


def test_nearest_takes_pixels_as_they_are() -> None:
    data, size = PHOTOGRAPH.tobytes(), SIZE
    crops = random_boxes(20)
    got = decode_one(data, size, crops, side=20, mode=RAW, interpolation="nearest")
    for pixels, crop in zip(got, crops, strict=True):
        left, top, right, bottom = (int(crop[k]) for k in ("left", "top", "right", "bottom"))
        x = left + ((np.arange(20) + 0.5) * (right - left) / 20).astype(int)
        y = top + ((np.arange(20) + 0.5) * (bottom - top) / 20).astype(int)
        np.testing.assert_array_equal(pixels, np.asarray(PHOTOGRAPH)[y][:, x])


def test_a_library_that_was_built_from_another_source_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, why = compiled_decoder()
    assert built is not None, why
    copied = tmp_path / built.name
    shutil.copy(built, copied)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: SimpleNamespace(origin=copied))
    assert compiled_decoder() == (copied, None)
    ours, content = f"version {DECODER_VERSION}\0".encode(), built.read_bytes()
    copied.write_bytes(content.replace(ours, b"version 0\0"))
    assert compiled_decoder()[0] is None
    monkeypatch.setattr(native, "library", native.library.__wrapped__)  # without its memory
    with pytest.raises(ValueError, match=r"decoder was built from another decode.c .`make setup`"):
        native.required()


def test_the_decoders_source_has_its_version() -> None:
    """Change decode.c, and its number goes up, in it and in loader_choice.py, and so do these."""
    source = Path(native.__file__).with_name("decode.c").read_bytes()
    assert f'"ablate decoder version {DECODER_VERSION}"'.encode() in source
    digest = hashlib.sha256(source).hexdigest()
    assert (DECODER_VERSION, digest) == (
        1,
        "6570e10235ed001536d1e5378619a7a72ecff598c19ca8e8a675c0b807f867ad",
    )
