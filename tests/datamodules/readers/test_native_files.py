"""The compiled decoder on damaged files; what it rewrites without decoding, and what it gathers."""

import io
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.augment.finish import normalised
from datamodules.augment.geometry import Crops
from datamodules.augment.windows import Windows, draw_windows, seen
from datamodules.catalog.catalog import DATASETS
from datamodules.config.augmentation import Augmentation
from datamodules.config.info import DatasetInfo
from datamodules.decoding import native
from datamodules.readers.ffcv_reader import FfcvReader
from datamodules.sampling.random_streams import batch_draws
from tests.support.images.jpegs import (
    JPG,
    RAW,
    SAMPLINGS,
    Pixels,
    boxes,
    cut_positions,
    decode_all,
    decode_one,
    jpeg,
    sampled,
)
from tests.support.images.photographs import cuts
from tests.support.project import PROJECT

SIZE = (200, 150)
PHOTOGRAPH = cuts(2, SIZE)[0]
PLAIN = jpeg(PHOTOGRAPH)
MARKED = native.transcode(PLAIN)
WHOLE = boxes((0, 0, *SIZE))
DAMAGED, OTHER_SIZE, BAD_CROP, CMYK = 1, 2, 4, 5


def code_of(
    data: bytes, size: tuple[int, int] = SIZE, *, crop: Crops = WHOLE, mode: int = JPG
) -> int:
    """The code of one image, whose pixels are zeros if it failed, between two that are fine."""
    fine = PHOTOGRAPH.tobytes() if mode == RAW else PLAIN
    stored, sizes = [fine, data, fine], [SIZE, size, SIZE]
    crops = np.concatenate([WHOLE, crop, WHOLE])
    for threads in (1, 3):
        pixels, codes = decode_all(stored, sizes, crops, side=24, mode=mode, threads=threads)
        alone = decode_one(fine, SIZE, WHOLE, side=24, mode=mode)
        np.testing.assert_array_equal(pixels[0], alone[0])
        np.testing.assert_array_equal(pixels[2], alone[0])
        assert codes[0] == codes[2] == 0
        assert codes[1] == 0 or not pixels[1].any()
    return int(codes[1])


def overwritten(data: bytes, start: int, length: int) -> bytes:
    """With a marker that ends the data too soon (libjpeg decodes most other noise as pixels)."""
    return data[:start] + b"\xff\xd9" * (length // 2) + data[start + length :]


@pytest.mark.parametrize("data", [PLAIN, MARKED], ids=["plain", "restart markers"])
def test_each_problem_has_its_code_and_leaves_its_neighbours_alone(data: bytes) -> None:
    assert code_of(data) == 0
    for share in (0.1, 0.5, 0.9):
        assert code_of(data[: int(len(data) * share)]) == DAMAGED
    assert code_of(data[:-2]) in (0, DAMAGED)  # only the end marker
    assert code_of(overwritten(data, len(data) // 2, 400)) == DAMAGED
    for size in ((199, 150), (201, 150), (200, 149), (200, 151), (150, 200), (9, 9), (2000, 1500)):
        assert code_of(data, size, crop=boxes((0, 0, 9, 9))) == OTHER_SIZE, size
    for box in (
        (-1, 0, 50, 50),
        (0, 0, 201, 150),
        (0, 0, 200, 151),
        (20, 20, 20, 30),
        (30, 30, 20, 40),
        (0, 0, float("nan"), 9),
        (0, 0, float("inf"), 9),
    ):
        assert code_of(data, crop=boxes(box)) == BAD_CROP, box
    assert code_of(b"") == DAMAGED
    assert code_of(b"\xff") == DAMAGED
    assert code_of(np.random.default_rng(0).bytes(5000)) == DAMAGED
    assert code_of(data[2:]) == DAMAGED


def test_cmyk_is_named_and_other_raw_sizes_too() -> None:
    assert code_of(jpeg(PHOTOGRAPH.convert("CMYK"))) == CMYK
    pixels = PHOTOGRAPH.tobytes()
    assert code_of(pixels, mode=RAW) == 0
    assert code_of(pixels[:-1], mode=RAW) == OTHER_SIZE
    assert code_of(b"", mode=RAW) == OTHER_SIZE
    assert code_of(pixels, crop=boxes((0, 0, 201, 1)), mode=RAW) == BAD_CROP
    assert set(native.PROBLEMS) >= {DAMAGED, OTHER_SIZE, BAD_CROP, CMYK}


def test_a_lost_restart_marker_is_noticed_though_the_segments_around_it_are_whole() -> None:
    marks = cut_positions(MARKED)
    lost = MARKED[: marks[20]] + MARKED[marks[21] :]
    for crop in (WHOLE, boxes((100, 100, 180, 140))):
        assert code_of(lost, crop=crop) == DAMAGED


def test_whole_files_are_decoded_as_pillow_does_or_refused() -> None:
    for sampling in SAMPLINGS:
        data = sampled(PHOTOGRAPH, sampling)
        pixels = native.decode(data, height=150, width=200)
        with Image.open(io.BytesIO(data)) as image:
            wanted = np.asarray(image.convert("RGB"), np.float64)
        assert np.abs(pixels - wanted).mean() <= 0.05
    for data, size, problem in (
        (PLAIN[:3000], SIZE, "damaged or cut short"),
        (PLAIN, (199, 150), "another size"),
        (jpeg(PHOTOGRAPH.convert("CMYK")), SIZE, "CMYK"),
    ):
        with pytest.raises(ValueError, match=problem):
            native.decode(data, height=size[1], width=size[0])


FUZZ = """
import sys
import numpy as np
from tests.support.images import jpegs
from tests.datamodules.readers.test_native_files import PHOTOGRAPH, SIZE
from datamodules.decoding import native

draws = np.random.default_rng(int(sys.argv[1]))
small = PHOTOGRAPH.crop((0, 0, 67, 45))
files = [jpegs.sampled(small, name) for name in jpegs.SAMPLINGS]
files += [native.transcode(file) for file in files]
files += [jpegs.jpeg(small, progressive=True), jpegs.jpeg(small.convert("L"))]
files += [jpegs.jpeg(small.convert("CMYK")), jpegs.jpeg(small, restart_marker_blocks=3)]
seen = {}
for number in range(int(sys.argv[2])):
    data = bytearray(files[number % len(files)])
    kind = draws.integers(4)
    if kind == 0:  # anywhere, headers more often than by chance
        for _ in range(draws.integers(1, 9)):
            place = draws.integers(len(data) if draws.random() < 0.5 else min(700, len(data)))
            data[place] = draws.integers(256)
    elif kind == 1:
        del data[draws.integers(len(data)) :]
    elif kind == 2:
        start = draws.integers(len(data))
        del data[start : start + draws.integers(1, 200)]
    else:
        start, length = draws.integers(len(data)), draws.integers(1, 60)
        data[start:start] = draws.bytes(length)
    data = bytes(data)
    corners = np.sort(draws.integers(0, (68, 46), (4, 2)), axis=0)
    crops = jpegs.boxes((0, 0, 67, 45), (50, 30, 67, 45), (0, 0, 20, 9), (*corners[0], *corners[3]))
    for side in (1, 9, 40):
        pixels, codes = jpegs.decode_all([data] * 4, [(67, 45)] * 4, crops, side=side, threads=2)
        assert set(codes.tolist()) <= {0, *native.PROBLEMS}, codes
        assert not pixels[codes > 0].any()
        # What the check of a whole file lets pass stops no reader.
        assert 1 not in codes or 2 in codes or native.damage(data)
    for code in codes:
        seen[int(code)] = seen.get(int(code), 0) + 1
    for call in (native.transcode, lambda jpeg: native.decode(jpeg, height=45, width=67)):
        try:
            call(data)
        except ValueError:
            pass
print(seen)
"""


def test_random_damage_never_ends_the_process() -> None:
    """Six hundred files, each through four crops at three sizes, transcoded and decoded whole."""
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, "1", "600"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "0: " in done.stdout  # some are decoded all the same
    assert "1: " in done.stdout


@pytest.mark.parametrize(
    "data",
    [
        *(sampled(PHOTOGRAPH, sampling) for sampling in SAMPLINGS),
        jpeg(PHOTOGRAPH, progressive=True),
        jpeg(PHOTOGRAPH.convert("L")),
        jpeg(PHOTOGRAPH.convert("L"), progressive=True),
        *(jpeg(PHOTOGRAPH.resize(size)) for size in ((1, 1), (33, 47), (17, 200), (16, 16))),
    ],
    ids=[*SAMPLINGS, "progressive", "grey", "grey progressive", "1x1", "33x47", "17x200", "16x16"],
)
def test_transcoding_keeps_every_pixel_and_lets_rows_begin_at_a_marker(data: bytes) -> None:
    marked = native.transcode(data)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(marked)) as after:
        assert (before.mode, before.size) == (after.mode, after.size)
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
        width, height = before.size
    np.testing.assert_array_equal(
        native.decode(data, height=height, width=width),
        native.decode(marked, height=height, width=width),
    )
    assert b"\xff\xc0" in marked  # baseline
    at = marked.index(b"\xff\xdd")
    interval = int.from_bytes(marked[at + 4 : at + 6], "big")
    frame = marked.index(b"\xff\xc0")
    components = marked[frame + 9]
    samplings = [marked[frame + 11 + 3 * i] >> 4 for i in range(components)]
    columns = -(-width // (8 * (max(samplings) if components > 1 else 1)))
    assert columns % interval == 0
    assert interval <= 8
    assert native.transcode(marked) == marked


def test_transcoding_refuses_what_it_cannot_keep() -> None:
    for data in (PLAIN[:5000], b"", b"no JPEG at all", overwritten(PLAIN, 6000, 300)):
        with pytest.raises(ValueError, match=r"cannot be transcoded: its JPEG data is damaged"):
            native.transcode(data)


@contextmanager
def little_memory(room: int) -> Iterator[None]:
    """At most `room` bytes more than there are."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_too_little_memory_is_no_damage() -> None:
    """A progressive file has to be held whole: 2.4 GB of coefficients here."""
    data = bytearray(jpeg(PHOTOGRAPH, progressive=True))
    frame = data.index(b"\xff\xc2")
    data[frame + 5 : frame + 9] = (20000).to_bytes(2, "big") * 2
    with little_memory(500 << 20):
        _, codes = decode_all([bytes(data)], [(20000, 20000)], boxes((0, 0, 9, 9)), side=9)
        for call in (native.damage, native.transcode):
            with pytest.raises(MemoryError, match="there is no memory for it"):
                call(bytes(data))
    assert native.PROBLEMS[int(codes[0])] == "there is no memory for it"


def test_a_reader_says_damage_and_too_little_memory_apart() -> None:
    beton = MagicMock(path=Path("x.beton"), labels=np.array([0, 1]))
    beton.__len__.return_value = 2
    reader = SimpleNamespace(images=SimpleNamespace(beton=beton), class_names=("ant", "bee"))
    codes, rows = np.array([0, native.NO_MEMORY]), np.array([0, 1])
    check: Any = FfcvReader._check
    check(reader, codes, rows[:1])
    with pytest.raises(ValueError, match=r"sample 1 \(class bee\): there is no memory.*be fine"):
        check(reader, codes, rows)
    with pytest.raises(ValueError, match=r"sample 1 \(class bee\) cannot be decoded.*data check"):
        check(reader, codes - native.NO_MEMORY + DAMAGED, rows[1:])


def images(shape: tuple[int, ...]) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(20, 3, 32, 32), (20, 1, 28, 28), (20, 3, 5, 17), (20, 3, 1, 1)])
@pytest.mark.parametrize("pad", [0, 2, 4, 50])
@pytest.mark.parametrize("flip", [0.0, 0.5])
def test_gathering_is_indexing_cropping_flipping_and_normalising(
    shape: tuple[int, ...], pad: int, flip: float
) -> None:
    info: DatasetInfo = DATASETS["digits" if shape[1] == 1 else "cifar10"]
    pixels, indices = images(shape), np.array([3, 3, 19, 0, 7, *range(20)])
    augmentation = Augmentation(crop="pad", pad=pad, hflip=flip)
    windows = draw_windows(augmentation, draw=batch_draws(seed=0, epoch=0, indices=indices))
    wanted = seen(pixels[indices], windows)
    np.testing.assert_array_equal(native.gather(pixels, indices, windows), wanted)
    floats = native.gather(pixels, indices, windows, normalise=(info.mean, info.std))
    assert torch.equal(torch.from_numpy(floats), normalised(torch.from_numpy(wanted), info))


def test_gathering_evaluation_images_and_none_at_all() -> None:
    pixels = images((4, 3, 8, 8))
    np.testing.assert_array_equal(native.gather(pixels, np.arange(4), Windows()), pixels)
    assert native.gather(pixels, np.arange(0), Windows()).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("index", [-1, 4])
def test_gathering_refuses_an_image_that_is_not_there(index: int) -> None:
    with pytest.raises(ValueError, match="There are 4 images"):
        native.gather(images((4, 3, 8, 8)), np.array([0, index]), Windows())
