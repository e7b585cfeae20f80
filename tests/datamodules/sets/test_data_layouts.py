"""Layouts of image trees: which level holds the classes, what is held out, what is left out."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datamodules.catalog.folders import list_split
from datamodules.catalog.resolved import Data, content, resolve
from datamodules.catalog.shares import hold_out_counts
from datamodules.catalog.sizes import Sizes, describe, sizes
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import ImageDataModule, build_data_module
from datamodules.sets import memory
from datamodules.sets.sources import DataWarning, FileImages, load_source, read_data
from tests.support.images.image_trees import tree_config, write_jpeg, write_tree


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "flat", splits=("",), images=10)


def build(chosen: DataConfig) -> ImageDataModule:
    return build_data_module(chosen, Augmentation(), batch_size_per_step=4, num_workers=0)


def paths(images: object) -> set[bytes]:
    assert isinstance(images, FileImages)
    return set(images.paths.tolist())


def test_a_folder_too_many_is_no_class(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "deep", splits=("train/images", "val/images"))
    said = r"deep/train holds one folder, images, .*only class.*3 folders \(ant, bee, cat\).*up"
    refusing: tuple[Callable[[Data], object], ...] = (read_data, content, sizes)
    for refuse in refusing:
        with pytest.raises(ValueError, match=said):
            refuse(resolve(tree_config(tree)))


def test_one_class_is_refused(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "one", classes=("ant",))
    with pytest.raises(ValueError, match=r"one folder, ant, .*at least two classes"):
        load_source(tree_config(tree))


def test_the_right_folder_is_named_where_it_is_one_deeper(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(ValueError, match=f"{tree} holds train/: set data.folder to it"):
        load_source(tree_config(tmp_path))


def test_a_flat_folder_needs_a_stated_share(flat: Path) -> None:
    with pytest.raises(ValueError, match=r"holds ant, bee, cat\. .*such as data.test_fraction=0.2"):
        load_source(tree_config(flat))


def test_a_flat_folder_is_split_by_class_and_always_the_same(flat: Path) -> None:
    for name in ("0", "1"):
        (flat / f"ant/{name}.jpg").unlink()
    chosen = tree_config(flat, test_fraction=0.25)
    module, again = build(chosen), load_source(chosen)
    source = module.source
    assert source.class_names == ("ant", "bee", "cat")
    assert paths(source.train) | paths(source.test) == {
        os.fsencode(path) for path in flat.rglob("*.jpg")
    }
    assert not paths(source.train) & paths(source.test)
    assert paths(source.test) == paths(again.test)
    assert Counter(source.test.labels.tolist()) == {0: 2, 1: 3, 2: 2}
    assert sizes(resolve(chosen)) == module.sizes == Sizes(3, 19, 2, 7)
    assert "a fixed 25 %, the same share of every class, is test" in describe(
        resolve(chosen), module.sizes
    )
    assert "flat, 3 classes; 19 train, 2 val, 7 test images." in describe(
        resolve(chosen), module.sizes
    )


def test_train_alone_is_a_folder_of_classes(tree: Path) -> None:
    shutil.rmtree(tree / "val")
    assert len(load_source(tree_config(tree, test_fraction=0.5)).test.labels) == 9


def test_a_share_is_refused_where_there_is_a_split(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data.test_fraction is 0.2, but .*tree has val/"):
        load_source(tree_config(tree, test_fraction=0.2))
    odd = write_tree(tmp_path / "odd", splits=("training", "validation"))
    with pytest.raises(ValueError, match=r"training, validation is no class's name"):
        load_source(tree_config(odd, test_fraction=0.2))
    with pytest.raises(ValueError, match=r"has no meaning for data.name=digits"):
        load_source(DataConfig(test_fraction=0.2))


@pytest.mark.parametrize("counts", [(2, 2), (3, 50, 7), (2, 1000), (9, 9, 9, 9)])
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.9])
def test_every_class_trains_and_tests(counts: tuple[int, ...], fraction: float) -> None:
    from datamodules.sets.splits import hold_out_test

    labels = np.repeat(np.arange(len(counts)), counts)
    names = tuple(map(str, range(len(counts))))
    tested = np.bincount(labels[hold_out_test(labels, fraction, names)], minlength=len(counts))
    assert tuple(tested.tolist()) == hold_out_counts(counts, fraction)
    assert (tested >= 1).all()
    assert (tested < np.array(counts)).all()


def test_a_class_of_one_image_cannot_be_split(flat: Path) -> None:
    write_jpeg(flat / "dog/0.jpg", seed=99)
    with pytest.raises(ValueError, match=r"1 class\(es\) have one image only \(dog\)"):
        load_source(tree_config(flat, test_fraction=0.2))


def test_one_image_a_class_gets_advice_that_works(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "few", images=1)
    with pytest.raises(ValueError, match=r"Every class has one training image.*val_fraction=0"):
        build(tree_config(tree, train_limit=3))
    module = build_data_module(
        tree_config(tree, val_fraction=0.0), Augmentation(), batch_size_per_step=3
    )
    assert module.sizes == Sizes(3, 3, 0, 3)


def test_a_split_of_images_without_class_folders_is_not_called_empty(tree: Path) -> None:
    shutil.rmtree(tree / "val")
    write_jpeg(tree / "val/0.jpg")
    with pytest.raises(ValueError, match=r"val holds no class folder, but 1 other\(s\) \(0.jpg\)"):
        load_source(tree_config(tree))


def test_what_cannot_be_opened_is_named_under_the_policy(tree: Path) -> None:
    (tree / "train/ant/gone.jpg").symlink_to(tree / "nowhere.jpg")
    (tree / "train/dog").symlink_to(tree / "nowhere")
    (tree / "train/ant/loop").symlink_to(tree / "train")
    os.mkfifo(tree / "train/bee/pipe.jpg")
    write_jpeg(tree / "train/stray.jpg")
    listed = list_split(tree / "train")
    assert set(listed.unusable) == {
        *("ant/gone.jpg", "dog", "ant/loop", "bee/pipe.jpg", "stray.jpg")
    }
    with pytest.raises(ValueError, match=r"5 of 23 files .*stray.jpg \(it lies beside the class"):
        load_source(tree_config(tree))
    with pytest.warns(DataWarning, match="5 of 23 files.*left out.*nowhere, which is not there"):
        source = load_source(tree_config(tree, bad_images="skip"))
    assert len(source.train.labels) == 18


def test_a_link_to_a_folder_of_images_is_followed(tree: Path, tmp_path: Path) -> None:
    (tree / "train/cat").rename(tmp_path / "elsewhere")
    (tree / "train/cat").symlink_to(tmp_path / "elsewhere")
    assert len(load_source(tree_config(tree)).train.labels) == 18


def test_a_class_that_cannot_be_opened_is_named(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("train/bee"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match=r"bee \(it cannot be opened: Permission denied\)"):
        load_source(tree_config(tree))


def test_hidden_files_and_texts_are_told(tree: Path) -> None:
    (tree / "train/.cache").mkdir()
    (tree / "train/readme.txt").write_text("mine")
    (tree / "unlabelled").mkdir()
    with pytest.warns(DataWarning, match=r"Not read in .*, 3 in all: train/.cache, train/readme.t"):
        load_source(tree_config(tree))


def test_equal_files_in_train_and_test_are_told(tree: Path) -> None:
    shutil.copy(tree / "train/ant/1.jpg", tree / "val/bee/9.jpg")
    shutil.copy(tree / "train/ant/1.jpg", tree / "train/ant/2.jpg")  # twice in train is no matter
    said = r"1 of 19 test images .*byte by byte \(train/ant/1.jpg = val/bee/9.jpg\)"
    for _ in range(2):  # found, then remembered
        with pytest.warns(DataWarning, match=said):
            load_source(tree_config(tree))
    write_jpeg(tree / "val/bee/9.jpg", seed=77)
    assert sizes(resolve(tree_config(tree))) == Sizes(3, 16, 2, 19)


def test_what_other_code_judged_is_not_remembered(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, calls = list_split(tree / "train").files, []

    def find() -> dict[str, str]:
        calls.append(1)
        return {}

    for judges, count in (("a", 1), ("a", 1), ("b", 2)):
        monkeypatch.setattr(memory, "_judges", lambda judges=judges: judges)
        memory.remembered("header", tree, files, find)
        assert len(calls) == count
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    memory.remembered("header", tree, files, find)
    assert len(calls) == 3


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_what_is_said_before_reading_is_what_is_read(tmp_path: Path) -> None:
    three = write_tree(tmp_path / "three", splits=("train", "val", "test"), images=5)
    for chosen in (
        tree_config(three),
        tree_config(three, val_fraction=0.0),
        tree_config(three, train_limit=6, test_limit=4),
        DataConfig(train_limit=100),
    ):
        module = build(chosen)
        assert sizes(resolve(chosen)) == module.sizes
        assert sum(1 for _ in module.splits.train.indices) == module.sizes.train
    assert "not here yet" in describe(resolve(tree_config(tmp_path / "no")), None)


def test_the_files_of_a_folder_are_in_the_identity_and_its_place_is_not(
    tree: Path, tmp_path: Path
) -> None:
    before = content(resolve(tree_config(tree)))
    copied = shutil.copytree(tree, tmp_path / "copy")
    assert content(resolve(tree_config(copied))) == before
    write_jpeg(copied / "train/ant/new.jpg")
    assert content(resolve(tree_config(copied))) != before
    assert content(resolve(DataConfig(name="digits"))) is None
