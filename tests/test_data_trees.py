"""Image folders: every kind of bad input has its own sentence, before training starts."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules import scan
from datamodules.config import Augmentation, DataConfig
from datamodules.decode import problem, read_rgb, to_rgb
from datamodules.module import ImageDataModule, build_data_module
from datamodules.sources import FileImages, Source, load_source
from tests.image_trees import photograph, truncate, write_jpeg, write_tree


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


def config(tree: Path, **values: object) -> DataConfig:
    whole = {"name": "image_folder", "folder": str(tree), "image_size": 24, **values}
    return DataConfig(**whole)  # type: ignore[arg-type]


def build(chosen: DataConfig) -> ImageDataModule:
    return build_data_module(chosen, Augmentation(), batch_size_per_step=4, num_workers=0)


def names(source: Source, part: str) -> list[str]:
    images = getattr(source, part)
    assert isinstance(images, FileImages)
    return ["/".join(os.fsdecode(path).split("/")[-3:]) for path in images.paths]


def test_a_good_tree(tree: Path) -> None:
    source = load_source(config(tree))
    assert source.class_names == ("ant", "bee", "cat")
    assert source.val is None
    assert names(source, "train")[:7] == [
        *(f"train/ant/{i}.jpg" for i in range(6)),
        "train/bee/0.jpg",
    ]
    assert names(source, "test")[0] == "val/ant/0.jpg"
    assert source.train.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    images, labels = next(iter(build(config(tree)).train_dataloader()))
    assert images.shape == (4, 3, 24, 24)
    assert labels.shape == (4,)


def test_test_is_test_where_there_is_one(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "three", splits=("train", "val", "test"), images=2)
    source = load_source(config(tree))
    assert source.val is not None
    assert names(source, "test")[0] == "test/ant/0.jpg"
    assert names(source, "val")[0] == "val/ant/0.jpg"
    source = load_source(config(write_tree(tmp_path / "two", splits=("train", "test"), images=2)))
    assert source.val is None
    assert names(source, "test")[0] == "test/ant/0.jpg"


def test_nested_folders_count_and_hidden_files_do_not(tree: Path) -> None:
    write_jpeg(tree / "train/ant/more/deep.jpg")
    (tree / "train/ant/.DS_Store").write_text("left by a file manager")
    (tree / "train/.cache").mkdir()
    source = load_source(config(tree))
    assert "ant/more/deep.jpg" in names(source, "train")
    assert len(source.train.labels) == 19


def test_a_missing_folder(tmp_path: Path) -> None:
    message = f"The data set image_folder is missing.*{tmp_path}/nowhere.*set data.folder"
    with pytest.raises(ValueError, match=message):
        build(config(tmp_path / "nowhere"))


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(ValueError, match=r"has to hold train/ and val/ or test/.*holds nothing"):
        build(config(tmp_path / "tree"))


def test_a_folder_with_other_contents_lists_them(tmp_path: Path) -> None:
    for name in ("training", "validation"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    with pytest.raises(ValueError, match="but holds training, validation"):
        build(config(tmp_path / "tree"))


def test_a_tree_without_held_out_images(tree: Path) -> None:
    shutil.rmtree(tree / "val")
    with pytest.raises(ValueError, match="has to hold train/ and val/ or test/"):
        build(config(tree))


def test_a_split_without_classes(tree: Path) -> None:
    shutil.rmtree(tree / "train")
    (tree / "train").mkdir()
    with pytest.raises(ValueError, match=f"{tree}/train is empty"):
        build(config(tree))


def test_an_empty_class(tree: Path) -> None:
    (tree / "train/dog").mkdir()
    (tree / "train/eel").mkdir()
    with pytest.raises(ValueError, match=rf"2 class folder\(s\) in {tree}/train.*: dog, eel"):
        build(config(tree))


def test_other_classes_in_val(tree: Path) -> None:
    (tree / "val/cat").rename(tree / "val/dog")
    message = "train and .*val differ: only in train: cat; only in val: dog"
    with pytest.raises(ValueError, match=message):
        build(config(tree))


def write_text(path: Path) -> Path:
    path.write_text("no image at all")
    return path


def write_empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


BREAK: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated": (truncate, "truncated"),
    "cut in the header": (lambda path: truncate(path, 0.05), "not an image|[Tt]runcated"),
    "text as jpg": (write_text, "not an image"),
    "empty file": (write_empty, "empty file"),
}


@pytest.mark.parametrize("case", BREAK)
def test_a_bad_file_is_named_and_counted(tree: Path, case: str) -> None:
    destroy, reason = BREAK[case]
    destroy(tree / "train/bee/3.jpg")
    message = rf"1 of 18 files in {tree}/train cannot be read as images: bee/3.jpg \(.*({reason})"
    with pytest.raises(ValueError, match=message):
        build(config(tree))
    with pytest.warns(UserWarning, match=rf"{message}.*left out|left out.*bee/3.jpg"):
        module = build(config(tree, bad_images="skip"))
    kept = names(module.source, "train")
    assert len(kept) == 17
    assert "train/bee/3.jpg" not in kept


def test_many_bad_files_are_counted_and_some_named(tree: Path) -> None:
    for name in ("ant", "bee"):
        for number in range(4):
            write_text(tree / f"val/{name}/{number}.jpg")
    message = rf"8 of 18 files in {tree}/val.*ant/0.jpg.*bee/0.jpg \(not an image\) and 3 more"
    with pytest.raises(ValueError, match=message):
        build(config(tree))


def test_a_file_that_is_no_image_counts_whatever_its_name(tree: Path) -> None:
    (tree / "train/ant/notes.txt").write_text("three blurred")
    with pytest.raises(ValueError, match=r"1 of 19 files.*ant/notes.txt \(not an image\)"):
        build(config(tree))


def test_skipping_a_whole_class_is_refused(tree: Path) -> None:
    for path in (tree / "train/bee").iterdir():
        write_text(path)
    with (
        pytest.warns(UserWarning, match="6 of 18"),
        pytest.raises(ValueError, match=r"1 class folder.*unusable.*bee"),
    ):
        build(config(tree, bad_images="skip"))


def broken_inside(path: Path) -> Path:
    """A PNG whose header and end are whole and whose middle is not."""
    path = path.with_suffix(".png")
    photograph(0).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    path.write_bytes(content)
    return path


def test_damage_inside_is_found_by_the_full_check(tree: Path) -> None:
    broken_inside(tree / "train/ant/x.jpg")
    build(config(tree))
    with pytest.raises(ValueError, match=r"1 of 19 files.*ant/x.png"):
        build(config(tree, verify="full"))
    with pytest.warns(UserWarning, match="left out"):
        build(config(tree, verify="full", bad_images="skip"))


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_found_while_loading_names_the_file(tree: Path, workers: int) -> None:
    broken_inside(tree / "train/ant/x.jpg")
    module = build_data_module(
        config(tree, val_fraction=0.0), Augmentation(), batch_size_per_step=19, num_workers=workers
    )
    message = rf"The image {tree}/train/ant/x.png cannot be decoded.*data.verify=full"
    with pytest.raises(ValueError, match=message):
        list(module.train_dataloader())


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
    assert len(build(config(tree)).source.train.labels) == 19


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
    load_source(config(tree))
    assert len(checked) == 36
    load_source(config(tree))
    assert len(checked) == 36
    truncate(tree / "val/cat/2.jpg")
    for _ in range(2):  # the second time from memory
        with pytest.raises(ValueError, match=r"cat/2.jpg"):
            load_source(config(tree))
        assert len(checked) == 36 + 18


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"fingerprint": 1})])
def test_a_damaged_memory_is_ignored(tree: Path, cache: Path, content: str) -> None:
    load_source(config(tree))
    memories = list(cache.rglob("*.json"))
    assert len(memories) == 2
    for memory in memories:
        memory.write_text(content)
    assert len(load_source(config(tree)).train.labels) == 18


def test_a_cache_that_cannot_be_written_is_done_without(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(load_source(config(tree)).train.labels) == 18


def test_nothing_is_written_into_the_tree(tree: Path) -> None:
    before = sorted(tree.rglob("*"))
    build(config(tree))
    assert sorted(tree.rglob("*")) == before


def test_a_check_of_headers_is_not_taken_for_a_full_one(tree: Path) -> None:
    broken_inside(tree / "train/ant/x.jpg")
    load_source(config(tree))
    with pytest.raises(ValueError, match=r"x\.png"):
        load_source(replace(config(tree), verify="full"))
