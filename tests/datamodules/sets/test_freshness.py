"""A beton that nobody named is taken only while it is that of the folder beside it."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.cli import main
from ablations.commands.weights.evaluate import other_images
from datamodules.beton.manifest import Manifest
from datamodules.catalog.catalog import DATASETS
from datamodules.catalog.freshness import beside_note, check_fresh, freshness_note
from datamodules.catalog.loader_choice import manifest as read_manifest
from datamodules.catalog.resolved import content, resolve
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import build_data_module
from datamodules.sets.sources import load_source
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import tree_config, write_jpeg, write_tree

pytest.importorskip("ffcv")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = write_tree(tmp_path / "tree", images=3)
    write_from(tree, tmp_path / "tree.beton", encode="original")
    return tree


def add_class(tree: Path) -> None:
    for split in ("train", "val"):
        shutil.copytree(tree / split / "ant", tree / split / "dog")


def rename(tree: Path) -> None:
    (tree / "train/ant/0.jpg").rename(tree / "train/bee/9.jpg")


def enlarge(tree: Path) -> None:
    with (tree / "train/ant/0.jpg").open("ab") as file:
        file.write(b"more")


def keep_cats(tree: Path) -> None:
    for folder in tree.glob("*/[ab]*"):
        shutil.rmtree(folder)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "class": (add_class, "new classes: dog; 24 images and not 18"),
    "file": (lambda tree: write_jpeg(tree / "val/ant/new.jpg"), "19 images and not 18"),
    "relabelled": (rename, "names or sizes of files have changed"),
    "size": (enlarge, "names or sizes"),
    "one class left": (keep_cats, "one folder, cat"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_state_of_the_folder_is_refused_with_the_ways_out(tree: Path, change: str) -> None:
    alter, said = CHANGES[change]
    chosen, path = tree_config(tree), tree.with_suffix(".beton")
    check_fresh(resolve(chosen))
    assert freshness_note(resolve(chosen)) is None
    alter(tree)
    with pytest.raises(ValueError, match=rf"{said}.*data write.*--force.*data.beton={path}.*remov"):
        load_source(chosen)
    named = replace(chosen, beton=str(path))
    assert len(load_source(named).class_names) == 3
    assert said in (freshness_note(resolve(named)) or "")
    if change != "one class left":
        assert len(load_source(replace(chosen, loader="torch")).train.labels) > 0


def test_later_times_alone_are_told_and_not_refused(tree: Path, tmp_path: Path) -> None:
    os.utime(tree / "train/ant/0.jpg")
    assert "1 files have later times (train/ant/0.jpg)" in (
        freshness_note(resolve(tree_config(tree))) or ""
    )
    load_source(tree_config(tree))
    moved = shutil.copytree(tree, tmp_path / "there/tree")
    shutil.copy(tree.with_suffix(".beton"), moved.with_suffix(".beton"))
    load_source(tree_config(moved))


def test_a_file_that_kept_no_times_says_so(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def old(*given: object) -> Manifest | None:
        found = read_manifest(*given)  # type: ignore[arg-type]
        return replace(found, newest=None) if found else None

    monkeypatch.setattr("datamodules.catalog.loader_choice.manifest", old)
    assert "kept no times" in (freshness_note(resolve(tree_config(tree))) or "")
    check_fresh(resolve(tree_config(tree)))
    add_class(tree)
    with pytest.raises(ValueError, match="new classes: dog"):
        check_fresh(resolve(tree_config(tree)))


def test_a_file_of_one_class_is_refused_before_anything_is_planned(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_manifest(tree_config(tree), DATASETS["image_folder"])
    assert found is not None
    one = replace(found, class_names=("images",))
    monkeypatch.setattr("datamodules.beton.file.read_manifest", lambda _: one)
    with pytest.raises(ValueError, match=r"tree.beton holds one class only, images"):
        content(resolve(tree_config(tree)))


def test_commands_say_it(
    tree: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    add_class(tree)
    study = ["convnext_nano", f"data={{name: image_folder, folder: {tree}, image_size: 32}}"]
    runs = ["--runs", str(tmp_path / "runs")]
    for verb in (["plan", *study, "--no-time"], ["run", *study]):
        assert main([*verb, *runs]) == 2
        assert "new classes: dog" in capsys.readouterr().err
    path = tree.with_suffix(".beton")
    assert main(["data", "check", str(path)]) == 0
    assert "written from another state" in capsys.readouterr().out
    assert main(["plan", *study, "--no-time", *runs, f"data.beton={path}"]) == 0
    assert "is read as data.beton says, though" in " ".join(capsys.readouterr().out.split())


def test_a_flat_folder_keeps_its_split_in_the_file(tmp_path: Path) -> None:
    flat = write_tree(tmp_path / "flat", splits=("",), images=5)
    written = write_from(flat, tmp_path / "flat.beton", encode="original", test_fraction=0.2)
    assert [part.size for part in written.manifest.parts] == [12, 3]
    module = build_data_module(tree_config(flat), Augmentation(), batch_size_per_step=2)
    assert (module.config.loader, module.config.test_fraction) == ("ffcv", 0.2)
    assert beside_note(written.path, written.manifest) is None
    with pytest.raises(ValueError, match=r"test_fraction of 0.2, and data.test_fraction is 0.4"):
        load_source(tree_config(flat, test_fraction=0.4))


def test_images_in_train_and_test_of_a_file_are_told(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(tree / "train/ant/1.jpg", tree / "val/bee/0.jpg")
    path = tree.with_suffix(".beton")
    write_from(tree, path, encode="raw", force=True)
    assert main(["data", "check", str(path)]) == 0
    said = "1 of 9 test images of .*sample 1 .train, class ant. = sample 12 .test, class bee."
    assert re.search(said, capsys.readouterr().out)


def test_an_evaluation_says_that_the_images_of_the_run_have_changed(tree: Path) -> None:
    chosen = tree_config(tree, loader="torch")
    run = {"data": {"name": "image_folder", "loader": "torch"}, "content": content(resolve(chosen))}
    assert not other_images(run, chosen)
    add_class(tree)
    assert other_images(run, chosen)
    assert not other_images(run, DataConfig())
    assert not other_images({}, chosen)
