"""A set that is there but wrong is an error that says how."""

import re
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.benchmarks.classes import imagenet_9_folders, imagenet_subset, imagenet_synsets
from datamodules.benchmarks.entries import SETS
from datamodules.benchmarks.listing import Listing, class_folders, listed
from datamodules.benchmarks.search import Part
from datamodules.sets.sources import DataWarning
from tests.support.images.image_trees import truncate
from tests.support.images.public_sets import write_classes

A_CLASSES = class_folders(SETS["imagenet_a"], ())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """ImageNet-A with one image a class."""
    return write_classes(tmp_path / "imagenet-a", A_CLASSES)


def refused(sentence: str) -> Any:
    return pytest.raises(ValueError, match=f"^{re.escape(sentence)}$")


def listing(path: Path, name: str = "imagenet_a", **values: Any) -> Listing:
    """What is listed of a set of which as many images are expected as has one a class."""
    entry = replace(SETS[name], **{"images": 200, **values})
    return listed(Part(entry, "", path), imagenet_synsets())


@pytest.mark.parametrize("name", ["imagenet_a", "imagenet_r"])
def test_labels_are_classes_of_imagenet(tmp_path: Path, name: str) -> None:
    folder = write_classes(tmp_path / name, class_folders(SETS[name], ()))
    found = listing(folder, name)
    assert found.labels.tolist() == list(imagenet_subset(name))
    assert found.paths()[0].decode() == str(folder / class_folders(SETS[name], ())[0] / "0.png")


def test_images_of_imagenet_o_have_no_label(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "o", class_folders(SETS["imagenet_o"], ()))
    assert set(listing(folder, "imagenet_o").labels.tolist()) == {-1}


def test_folders_of_imagenet_9_have_spaces(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "val", imagenet_9_folders(), images=2)
    found = listing(folder, "imagenet_9", images=18, side=4)
    assert found.labels.tolist() == np.repeat(range(9), 2).tolist()
    assert b"02_wheeled vehicle" in found.paths()[4]


def test_a_missing_class_is_named(tree: Path) -> None:
    shutil.rmtree(tree / "n01498041")
    with refused(f"{tree}: 199 class folders, 200 expected; missing n01498041"):
        listing(tree)


def test_a_class_of_another_set_is_named(tree: Path) -> None:
    (tree / "n01498041").rename(tree / "n01440764")  # the tench of ImageNet-R
    missing = "missing n01498041; no class of it: n01440764"
    with refused(f"{tree}: 200 class folders, 200 expected; {missing}"):
        listing(tree)


def test_an_empty_class_is_named(tree: Path) -> None:
    (tree / "n01498041" / "0.png").unlink()
    with pytest.raises(ValueError, match=r"no image in n01498041: the copy is incomplete"):
        listing(tree)


def test_fewer_images_are_an_incomplete_copy(tree: Path) -> None:
    with refused(f"{tree}: 200 images, 7,500 expected: the copy is incomplete"):
        listing(tree, images=7500)


def test_more_images_are_not_the_set(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"200 images, 199 expected: there are others among them"):
        listing(tree, images=199)


def test_sets_whose_copies_differ_only_warn(tree: Path) -> None:
    with pytest.warns(DataWarning, match=r"200 images, 50,889 expected; copies differ"):
        assert len(listing(tree, images=50889, exact=False).labels) == 200


def test_a_sound_set_warns_of_nothing(tree: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listing(tree)


@pytest.mark.parametrize("file", ["0.png", "2.png"])
def test_first_and_last_file_of_a_class_are_opened(tmp_path: Path, file: str) -> None:
    tree = write_classes(tmp_path / "imagenet-a", A_CLASSES, images=3)
    truncate(tree / A_CLASSES[77] / file)
    with pytest.raises(ValueError, match=rf"{A_CLASSES[77]}/{file} cannot be opened"):
        listing(tree, images=600)


def test_files_that_are_never_resized_must_be_large_enough(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"is 4 x 4 px, but 224 x 224 are expected"):
        listing(tree, side=224)


def test_content_is_of_names_and_sizes(tree: Path) -> None:
    before = listing(tree).content
    (tree / A_CLASSES[0] / "0.png").rename(tree / A_CLASSES[0] / "1.png")
    assert listing(tree, exact=False).content != before


def test_files_that_went_since_are_noticed(tree: Path) -> None:
    found = listing(tree)
    (tree / A_CLASSES[0] / "0.png").unlink()
    with pytest.raises(ValueError, match="has changed since it was checked"):
        found.paths()
