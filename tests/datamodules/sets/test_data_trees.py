"""Image folders: every kind of bad input has its own sentence, before training starts."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import ImageDataModule, build_data_module
from datamodules.sets.sources import FileImages, Source, load_source
from tests.support.images.image_trees import (
    broken_inside,
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


def build(chosen: DataConfig) -> ImageDataModule:
    return build_data_module(chosen, Augmentation(), batch_size_per_step=4, num_workers=0)


def names(source: Source, part: str) -> list[str]:
    images = getattr(source, part)
    assert isinstance(images, FileImages)
    return ["/".join(os.fsdecode(path).split("/")[-3:]) for path in images.paths]


def test_a_good_tree(tree: Path) -> None:
    source = load_source(tree_config(tree))
    assert source.class_names == ("ant", "bee", "cat")
    assert source.val is None
    assert names(source, "train")[:7] == [
        *(f"train/ant/{i}.jpg" for i in range(6)),
        "train/bee/0.jpg",
    ]
    assert names(source, "test")[0] == "val/ant/0.jpg"
    assert source.train.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    images, labels = next(iter(build(tree_config(tree)).train_dataloader()))
    assert images.shape == (4, 3, 24, 24)
    assert labels.shape == (4,)


def test_test_is_test_where_there_is_one(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "three", splits=("train", "val", "test"), images=2)
    source = load_source(tree_config(tree))
    assert source.val is not None
    assert names(source, "test")[0] == "test/ant/0.jpg"
    assert names(source, "val")[0] == "val/ant/0.jpg"
    source = load_source(
        tree_config(write_tree(tmp_path / "two", splits=("train", "test"), images=2))
    )
    assert source.val is None
    assert names(source, "test")[0] == "test/ant/0.jpg"


def test_nested_folders_count_and_hidden_files_do_not(tree: Path) -> None:
    write_jpeg(tree / "train/ant/more/deep.jpg")
    (tree / "train/ant/.DS_Store").write_text("left by a file manager")
    (tree / "train/.cache").mkdir()
    source = load_source(tree_config(tree))
    assert "ant/more/deep.jpg" in names(source, "train")
    assert len(source.train.labels) == 19


def test_a_missing_folder(tmp_path: Path) -> None:
    message = f"The data set image_folder is missing.*{tmp_path}/nowhere.*set data.folder"
    with pytest.raises(ValueError, match=message):
        build(tree_config(tmp_path / "nowhere"))


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(ValueError, match=r"has to hold train/ and val/ or test/.*holds nothing"):
        build(tree_config(tmp_path / "tree"))


def test_a_folder_with_other_contents_lists_them(tmp_path: Path) -> None:
    for name in ("training", "validation"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    with pytest.raises(ValueError, match="but holds training, validation"):
        build(tree_config(tmp_path / "tree"))


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x.jpg has to hold train/.*but is a file"):
        build(tree_config(write_jpeg(tmp_path / "x.jpg")))


def test_a_tree_without_held_out_images(tree: Path) -> None:
    shutil.rmtree(tree / "val")
    with pytest.raises(ValueError, match="has to hold train/ and val/ or test/"):
        build(tree_config(tree))


def test_a_split_without_classes(tree: Path) -> None:
    shutil.rmtree(tree / "train")
    (tree / "train").mkdir()
    with pytest.raises(ValueError, match=f"{tree}/train is empty"):
        build(tree_config(tree))


def test_an_empty_class(tree: Path) -> None:
    (tree / "train/dog").mkdir()
    (tree / "train/eel").mkdir()
    with pytest.raises(ValueError, match=rf"2 class folder\(s\) in {tree}/train.*: dog, eel"):
        build(tree_config(tree))


def test_other_classes_in_val(tree: Path) -> None:
    (tree / "val/cat").rename(tree / "val/dog")
    message = "train and .*val differ: only in train: cat; only in val: dog"
    with pytest.raises(ValueError, match=message):
        build(tree_config(tree))


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
        build(tree_config(tree))
    with pytest.warns(UserWarning, match=rf"{message}.*left out|left out.*bee/3.jpg"):
        module = build(tree_config(tree, bad_images="skip"))
    kept = names(module.source, "train")
    assert len(kept) == 17
    assert "train/bee/3.jpg" not in kept


def test_many_bad_files_are_counted_and_some_named(tree: Path) -> None:
    for name in ("ant", "bee"):
        for number in range(4):
            write_text(tree / f"val/{name}/{number}.jpg")
    message = rf"8 of 18 files in {tree}/val.*ant/0.jpg.*bee/0.jpg \(not an image\) and 3 more"
    with pytest.raises(ValueError, match=message):
        build(tree_config(tree))


def test_a_file_that_is_no_image_counts_whatever_its_name(tree: Path) -> None:
    (tree / "train/ant/notes.txt").write_text("three blurred")
    with pytest.raises(ValueError, match=r"1 of 19 files.*ant/notes.txt \(not an image\)"):
        build(tree_config(tree))


def test_skipping_a_whole_class_is_refused(tree: Path) -> None:
    for path in (tree / "train/bee").iterdir():
        write_text(path)
    with (
        pytest.warns(UserWarning, match="6 of 18"),
        pytest.raises(ValueError, match=r"1 class folder.*unusable.*bee"),
    ):
        build(tree_config(tree, bad_images="skip"))


def test_damage_inside_is_found_by_the_full_check(tree: Path) -> None:
    broken_inside(tree / "train/ant/x.png")
    build(tree_config(tree))
    with pytest.raises(ValueError, match=r"1 of 19 files.*ant/x.png"):
        build(tree_config(tree, verify="full"))
    with pytest.warns(UserWarning, match="left out"):
        build(tree_config(tree, verify="full", bad_images="skip"))


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_found_while_loading_names_the_file(tree: Path, workers: int) -> None:
    broken_inside(tree / "train/ant/x.png")
    module = build_data_module(
        tree_config(tree, val_fraction=0.0),
        Augmentation(),
        batch_size_per_step=19,
        num_workers=workers,
    )
    message = rf"The image {tree}/train/ant/x.png cannot be decoded.*data.verify=full"
    with pytest.raises(ValueError, match=message):
        list(module.train_dataloader())
