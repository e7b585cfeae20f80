"""Image files: any mode becomes RGB, and the check of a tree is made once."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.sets import scan
from datamodules.sets.decode import problem, read_rgb, to_rgb
from datamodules.sets.sources import load_source
from tests.image_trees import (
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
    with pytest.raises(AssertionError):
        problem(path, full=True)


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
