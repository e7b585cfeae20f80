"""JPEGs of every sampling and without tables of their own, each after any other, beside Pillow."""

import io
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from PIL import Image

from datamodules.decoding import native
from tests.support.images import jpeg_encoder
from tests.support.images.jpeg_encoder import DHT, DQT, encode, odd_scan, without
from tests.support.images.jpegs import boxes, decode_all, decode_one, difference, expected, jpeg
from tests.support.images.photographs import cuts

WIDTH, HEIGHT = SIZE = (203, 151)
PHOTOGRAPH = cuts(2, SIZE)[0]
FACTORS = list(product(range(1, 5), repeat=2))
ONE = (1, 1)
PARTS = [(0, 0), (1, 1), (31, 33), (100, 50), (139, 87), (77, 61)]
LARGE = boxes((0, 0, *SIZE), (0, 0, 140, 140), (50, 9, 190, 150), (60, 20, *SIZE))
# What a smaller inverse DCT of 4:2:0 and 4:1:1 makes of this photograph at most, by side.
REDUCED = {20: 0.6, 10: 0.7, 5: 1.3}


def check(data: bytes, *, sides: Sequence[int] = tuple(REDUCED)) -> None:
    """Whole, in parts and from a smaller inverse DCT it has the pixels that Pillow gives."""
    with Image.open(io.BytesIO(data)) as image:
        wanted = np.asarray(image.convert("RGB"), np.float64)
    whole = native.decode(data, height=HEIGHT, width=WIDTH)
    assert np.abs(whole - wanted).mean() <= 0.05
    parts = boxes(*((x, y, x + 64, y + 64) for x, y in PARTS))
    for pixels, (x, y) in zip(decode_one(data, SIZE, parts, side=64), PARTS, strict=True):
        np.testing.assert_array_equal(pixels, whole[y : y + 64, x : x + 64])
    for side in sides:
        got = decode_one(data, SIZE, LARGE, side=side)
        pairs = zip(got, expected(data, LARGE, side=side), strict=True)
        assert max(difference(ours, theirs) for ours, theirs in pairs) <= REDUCED[side], side


@pytest.mark.parametrize("kind", ["baseline", "progressive", "restart markers"])
@pytest.mark.parametrize("luma", FACTORS, ids=str)
def test_any_sampling_of_the_first_component(luma: tuple[int, int], kind: str) -> None:
    interval = int(kind == "restart markers")
    check(encode(PHOTOGRAPH, [luma, ONE, ONE], progressive=kind[0] == "p", interval=interval))


@pytest.mark.parametrize("factor", FACTORS, ids=str)
def test_any_sampling_of_the_others_and_of_grey(factor: tuple[int, int]) -> None:
    check(encode(PHOTOGRAPH.convert("L"), [factor]))
    check(encode(PHOTOGRAPH, [factor] * 3))
    check(encode(PHOTOGRAPH, [ONE, factor, factor]), sides=(20, 10))


@pytest.mark.parametrize(
    "factors",
    [
        [(2, 2), (2, 1), (2, 1)],
        [(2, 2), (1, 2), (1, 1)],
        [(4, 4), (2, 2), (2, 2)],
        [(4, 2), (2, 2), (2, 2)],
        [(4, 4), (1, 2), (1, 2)],
        [(2, 2), (1, 4), ONE],
    ],
    ids=str,
)
def test_factors_that_are_no_smallest_ones(factors: list[tuple[int, int]]) -> None:
    check(encode(PHOTOGRAPH, factors))
    check(encode(PHOTOGRAPH, factors, interval=1))


@pytest.mark.parametrize("size", [(1, 1), (17, 5), (33, 47), (9, 100)])
def test_odd_and_tiny_images_of_odd_samplings(size: tuple[int, int]) -> None:
    for luma in ((2, 4), (4, 2), (3, 1), (1, 3), (4, 4)):
        data = encode(PHOTOGRAPH.resize(size), [luma, ONE, ONE])
        crops = boxes((0, 0, *size), (size[0] - 1, size[1] - 1, *size))
        for side in (1, 7, 16):
            pairs = zip(
                decode_one(data, size, crops, side=side),
                expected(data, crops, side=side),
                strict=True,
            )
            assert max(difference(ours, theirs) for ours, theirs in pairs) <= 1


def test_fractions_and_cmyk_are_refused_by_name() -> None:
    thirds = encode(PHOTOGRAPH, [(2, 2), (3, 1), ONE])
    with pytest.raises(ValueError, match="libjpeg-turbo does not decode"):
        native.decode(thirds, height=HEIGHT, width=WIDTH)
    for factors in ([ONE] * 4, [(2, 2), ONE, ONE, (2, 2)]):
        cmyk = encode(PHOTOGRAPH.convert("CMYK"), factors)
        _, codes = decode_all([cmyk], [SIZE], boxes((0, 0, *SIZE)), side=20)
        assert native.PROBLEMS[int(codes[0])] == "it is a CMYK JPEG"
        assert native.damage(cmyk) is None


def odd_files() -> dict[str, bytes]:
    """Files that say little of themselves, and those that would leave most behind."""
    standard = jpeg(PHOTOGRAPH)
    return {
        "standard": standard,
        "own tables": jpeg(PHOTOGRAPH, optimize=True, quality=20),
        "progressive": jpeg(PHOTOGRAPH, progressive=True),
        "grey": jpeg(PHOTOGRAPH.convert("L"), optimize=True),
        "RGB": jpeg(PHOTOGRAPH, keep_rgb=True),
        "restart": jpeg(PHOTOGRAPH, restart_marker_blocks=3),
        "CMYK": jpeg(PHOTOGRAPH.convert("CMYK")),
        "cut short": standard[: len(standard) // 2],
        "4x2": encode(PHOTOGRAPH, [(4, 2), ONE, ONE]),
        "no Huffman tables": without(standard, DHT),
        "no Huffman tables, restart": without(jpeg(PHOTOGRAPH, restart_marker_blocks=13), DHT),
        "no quantisation tables": without(standard, DQT),
        "no tables": without(without(standard, DHT), DQT),
        "odd scan": odd_scan(standard),
        "no JFIF marker": without(standard, 0xE0),
    }


def test_pixels_depend_on_the_files_own_bytes_alone() -> None:
    """Every file after any other, in one thread, as alone; and alone as Pillow decodes it."""
    files, whole = odd_files(), boxes((0, 0, *SIZE))
    alone = {}
    for name, data in files.items():
        pixels, codes = decode_all([data], [SIZE], whole, side=151)
        alone[name] = pixels[0], codes[0]
        assert bool(codes[0]) == (name == "CMYK" or pillow(data) is None), name
        if not codes[0]:
            wanted = next(expected(data, whole, side=151))
            assert difference(pixels[0], wanted) <= 0.3, name
    for before, after in product(files, repeat=2):
        crops = np.concatenate([whole, whole])
        pixels, codes = decode_all([files[before], files[after]], [SIZE] * 2, crops, side=151)
        np.testing.assert_array_equal(pixels[1], alone[after][0], err_msg=f"{before}, {after}")
        assert codes[1] == alone[after][1], (before, after)


def pillow(data: bytes) -> Image.Image | None:
    """As Pillow decodes it, or None."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.convert("RGB")
    except OSError:
        return None


def test_the_encoder_of_these_tests_writes_what_pillow_reads() -> None:
    """Or all above would compare nothing."""
    modes: Sequence[tuple[str, list[tuple[int, int]]]] = (
        ("RGB", [ONE] * 3),
        ("L", [ONE]),
        ("CMYK", [ONE] * 4),
    )
    for mode, factors in modes:
        image = PHOTOGRAPH.convert(mode)
        for progressive, interval in product((False, True), (0, 3)):
            data = jpeg_encoder.encode(image, factors, progressive=progressive, interval=interval)
            with Image.open(io.BytesIO(data)) as read:
                assert read.mode == mode
                assert np.abs(np.asarray(read, np.float64) - np.asarray(image)).mean() <= 5
