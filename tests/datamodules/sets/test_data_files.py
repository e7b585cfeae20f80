"""Image files: any mode becomes RGB, and the check of a tree is made once."""

import errno
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from datamodules.decoding.decode import problem, read_rgb
from datamodules.decoding.levels import to_rgb
from datamodules.sets import scan
from datamodules.sets.sources import load_source
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import (
    broken_inside,
    photograph,
    tree_config,
    truncate,
    write_jpeg,
    write_tree,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


MODES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey.jpg": lambda image: image.convert("L"),
    "palette.png": lambda image: image.convert("P"),
    "palette.gif": lambda image: image.convert("P"),
    "alpha.png": lambda image: image.convert("RGBA"),
    "grey_alpha.png": lambda image: image.convert("LA"),
    "cmyk.jpg": lambda image: image.convert("CMYK"),
    "bilevel.png": lambda image: image.convert("1"),
    "sixteen.png": lambda image: Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257),
    "sixteen.tiff": lambda image: Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257),
    "rgb.webp": lambda image: image,
}


@pytest.mark.parametrize("name", MODES)
def test_any_mode_becomes_rgb(tree: Path, name: str) -> None:
    image = MODES[name](photograph(5))
    image.save(tree / "train/ant" / name)
    read = read_rgb(tree / "train/ant" / name)
    assert read.mode == "RGB"
    assert read.size == image.size
    expected = np.asarray(photograph(5).convert("L"), np.float64)
    if name != "bilevel.png":
        assert np.abs(np.asarray(read.convert("L"), np.float64) - expected).mean() < 12
    assert len(load_source(tree_config(tree)).train.labels) == 19


def test_sixteen_bits_keep_their_upper_eight() -> None:
    values = np.array([[0, 255, 256, 65535]], np.uint16)
    assert np.asarray(to_rgb(Image.fromarray(values)))[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize(
    ("name", "samples", "why"),
    [
        ("float.tiff", np.linspace(0, 1, 64, dtype=np.float32), "floating-point numbers"),
        ("int.tiff", np.arange(64, dtype=np.int32) * 1000, "integers of 32 bits"),
        ("twelve.png", np.arange(64, dtype=np.uint16) * 64, "12 bits or fewer"),
        ("twelve.tiff", np.arange(64, dtype=np.uint16) * 64, "12 bits or fewer"),
        ("dark.png", np.full(64, 200, np.uint16), "12 bits or fewer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_without_a_known_range_are_refused_by_name(
    tree: Path, name: str, samples: NDArray[Any], why: str
) -> None:
    path = tree / "train/ant" / name
    Image.fromarray(samples.reshape(8, 8)).save(path)
    with pytest.raises(ValueError, match=rf"{name}.*{why}"):
        read_rgb(path)
    assert why in (problem(path, full=True) or "")
    with pytest.raises(ValueError, match=rf"1 of 19 files.*{name}.*{why}"):
        load_source(tree_config(tree, verify="full"))
    with pytest.warns(UserWarning, match=rf"{name}.*{why}"):
        kept = load_source(tree_config(tree, verify="full", bad_images="skip"))
    assert len(kept.train.labels) == 18


def png(samples: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits a sample with three of them, (H, W, 3), which Pillow does not write."""
    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_sixteen_bits_of_colour_follow_the_same_rule(tmp_path: Path) -> None:
    path, samples = tmp_path / "x.png", np.arange(192, dtype=np.uint16).reshape(8, 8, 3)
    path.write_bytes(png(samples * 340))
    np.testing.assert_array_equal(np.asarray(read_rgb(path)), samples * 340 >> 8)
    path.write_bytes(png(samples * 21))
    with pytest.raises(ValueError, match="12 bits or fewer"):
        read_rgb(path)
    path.write_bytes(png(samples * 0))
    assert not np.asarray(read_rgb(path)).any()


def test_alpha_is_dropped_and_the_first_frame_is_read(tmp_path: Path) -> None:
    first, second = photograph(1), photograph(2)
    for mode in ("LA", "RGBA"):
        image = first.convert(mode)
        image.putalpha(Image.new("L", first.size, 0))
        image.save(tmp_path / "x.png")
        wanted = first.convert("L" if mode == "LA" else "RGB").convert("RGB")
        np.testing.assert_array_equal(np.asarray(read_rgb(tmp_path / "x.png")), np.asarray(wanted))
    for name in ("x.gif", "x.tiff", "x.webp"):
        path = tmp_path / name
        first.save(path, save_all=True, append_images=[second], **LOSSLESS.get(name, {}))
        with Image.open(path) as image:
            assert image.n_frames == 2  # type: ignore[attr-defined]
            wanted = image.convert("RGB")
        np.testing.assert_array_equal(np.asarray(read_rgb(path)), np.asarray(wanted))
        assert np.abs(np.asarray(wanted, np.float64) - np.asarray(first)).mean() < 12
    bits = photograph(3).convert("1")
    bits.save(tmp_path / "bits.png")
    assert set(np.unique(np.asarray(read_rgb(tmp_path / "bits.png")))) == {0, 255}


LOSSLESS: dict[str, dict[str, Any]] = {"x.webp": {"lossless": True}}


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Failed to decode frame 0"),
        SyntaxError("broken"),
        struct.error("unpack"),
        IndexError("index"),
        KeyError("key"),
        Image.DecompressionBombError("too large"),
        OSError("broken data stream"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_decoder_raises_is_a_named_unreadable_image(
    tree: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    write_jpeg(tree / "train/ant/x.jpg", size=(77, 40))
    load = ImageFile.ImageFile.load

    def fail(image: ImageFile.ImageFile) -> object:
        if image.size == (77, 40):
            raise error
        return load(image)

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(ValueError, match=r"x.jpg cannot be decoded"):
        read_rgb(tree / "train/ant/x.jpg")
    with pytest.raises(ValueError, match=r"1 of 19 files.*ant/x.jpg"):
        load_source(tree_config(tree, verify="full"))
    out = tree.parent / "x.beton"
    with pytest.raises(ValueError, match=r"ant/x.jpg cannot be read"):
        write_from(tree, out)
    skipped = write_from(tree, out, on_error="skip").manifest.skipped
    assert [file.name for file in skipped] == ["train/ant/x.jpg"]


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (OSError(errno.EMFILE, "Too many open files"), "open files"),
    ],
    ids=["MemoryError", "ENOMEM", "EMFILE"],
)
def test_what_the_machine_lacks_is_no_damage(
    tree: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, lacking: str
) -> None:
    def fail(image: ImageFile.ImageFile) -> object:
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    message = rf"not enough {lacking} to decode the image .*jpg, which may be fine"
    with pytest.raises(ValueError, match=message):
        read_rgb(tree / "train/ant/1.jpg")
    with pytest.raises(ValueError, match=message):
        load_source(tree_config(tree, verify="full", bad_images="skip"))
    with pytest.raises(ValueError, match=message):
        write_from(tree, tree.parent / "x.beton", on_error="skip")


def test_palette_transparency_gives_no_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    image = photograph(1).convert("P")
    image.save(tmp_path / "x.png", transparency=bytes(range(256)))
    read_rgb(tmp_path / "x.png")
    assert not recwarn.list


def test_every_bad_file_of_a_folder_is_decoded_only_when_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_jpeg(tmp_path / "x.jpg")

    def refuse(image: Image.Image) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    assert problem(path, full=False) is None
    assert problem(path, full=True) == "decoded"


def count_checks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    checked: list[Path] = []

    def spy(path: Path, *, full: bool) -> str | None:
        checked.append(path)
        return problem(path, full=full)

    monkeypatch.setattr(scan, "problem", spy)
    return checked


def test_files_are_checked_once_and_again_when_one_changes(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = count_checks(monkeypatch)
    load_source(tree_config(tree))
    assert len(checked) == 36
    load_source(tree_config(tree))
    assert len(checked) == 36
    truncate(tree / "val/cat/2.jpg")
    for _ in range(2):  # the second time from memory
        with pytest.raises(ValueError, match=r"cat/2.jpg"):
            load_source(tree_config(tree))
        assert len(checked) == 36 + 18


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"fingerprint": 1})])
def test_a_damaged_memory_is_ignored(tree: Path, cache: Path, content: str) -> None:
    load_source(tree_config(tree))
    memories = list(cache.rglob("*.json"))
    assert len(memories) == 3  # of both parts, and of files that both have
    for memory in memories:
        memory.write_text(content)
    assert len(load_source(tree_config(tree)).train.labels) == 18


def test_a_cache_that_cannot_be_written_is_done_without(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(load_source(tree_config(tree)).train.labels) == 18


def test_nothing_is_written_into_the_tree(tree: Path) -> None:
    before = sorted(tree.rglob("*"))
    load_source(tree_config(tree))
    assert sorted(tree.rglob("*")) == before


def test_a_check_of_headers_is_not_taken_for_a_full_one(tree: Path) -> None:
    broken_inside(tree / "train/ant/x.png")
    load_source(tree_config(tree))
    with pytest.raises(ValueError, match=r"x\.png"):
        load_source(replace(tree_config(tree), verify="full"))
