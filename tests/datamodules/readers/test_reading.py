"""Which reader a config gets, what is said about it, and what is refused before any training."""

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.cli import main
from datamodules.catalog import loader_choice
from datamodules.catalog.resolved import describe_reading, missing, resolve
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import build_data_module
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import write_tree
from tests.support.images.loaders import digest


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """With tree.beton beside it."""
    tree = write_tree(tmp_path / "tree")
    write_from(tree, tmp_path / "tree.beton", encode="original")
    return tree


def config(tree: Path, **values: object) -> DataConfig:
    whole = {"name": "image_folder", "folder": str(tree), "image_size": 24, **values}
    return DataConfig(**whole)  # type: ignore[arg-type]


def build(chosen: DataConfig) -> object:
    return build_data_module(chosen, Augmentation(), batch_size_per_step=4, num_workers=0)


def test_auto_reads_by_ffcv_where_it_and_the_file_are_there(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, path = config(tree), tree.with_suffix(".beton")
    assert resolve(chosen).loader == "ffcv"
    assert (
        describe_reading(resolve(chosen))
        == f"Images are read by FFCV with the compiled decoder from {path}."
    )

    monkeypatch.setattr(loader_choice, "ffcv_installed", lambda: False)
    assert resolve(chosen).loader == "torch"
    assert (
        describe_reading(resolve(chosen))
        == "Images are read by torch and Pillow: FFCV is not installed."
    )
    monkeypatch.undo()

    path.unlink()
    assert resolve(chosen).loader == "torch"
    assert (
        describe_reading(resolve(chosen))
        == f"Images are read by torch and Pillow: there is no {path}."
    )


def test_what_is_asked_for_is_what_is_used(tree: Path) -> None:
    assert resolve(config(tree, loader="torch")).loader == "torch"
    assert "as data.loader says" in describe_reading(resolve(config(tree, loader="torch")))
    assert resolve(config(tree, loader="ffcv")).loader == "ffcv"
    assert resolve(DataConfig(name="digits")).loader == "memory"
    assert describe_reading(resolve(DataConfig())) == "Images are held in memory: they are small."
    assert resolve(DataConfig(name="digits", loader="torch")).loader == "torch"


def test_the_file_is_named_or_found_beside_the_folder(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "x.beton"
    other.parent.mkdir()
    tree.with_suffix(".beton").rename(other)
    assert resolve(config(tree)).loader == "torch"
    assert resolve(config(tree, beton=str(other))).loader == "ffcv"
    below = config(tree, beton="elsewhere/x.beton", root=str(tmp_path))
    assert loader_choice.beton_path(below) == other
    assert resolve(below).loader == "ffcv"


def test_without_the_compiled_decoder_the_sentence_says_so(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def not_built(name: str, package: str | None = None) -> object:
        return None if name.endswith("._decode") else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", not_built)
    assert "FFCV with its own operations (the compiled decoder was not built)" in describe_reading(
        resolve(config(tree))
    )


def test_large_images_are_not_held_in_memory(tree: Path) -> None:
    for chosen in (config(tree, loader="memory"), config(tree / "no", loader="memory")):
        with pytest.raises(ValueError, match=r"images of up to 64 pixels that are never resized"):
            resolve(chosen)


def test_ffcv_that_is_not_installed_is_a_sentence_before_training(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def not_installed(name: str, package: str | None = None) -> object:
        return None if name == "ffcv" else real(name, package)

    for name in [name for name in sys.modules if name.split(".")[0] == "ffcv"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.util, "find_spec", not_installed)
    with pytest.raises(ValueError, match=r"data.loader=ffcv needs FFCV, which is not installed"):
        build(config(tree, loader="ffcv"))
    chosen = build_data_module(config(tree), Augmentation(), batch_size_per_step=4, num_workers=0)
    assert chosen.config.loader == "torch"
    digest(chosen.test_dataloader())


def test_a_missing_file_says_how_to_write_it(tree: Path) -> None:
    path = tree.with_suffix(".beton")
    path.unlink()
    chosen = config(tree, loader="ffcv")
    sentence = missing(resolve(chosen))
    assert sentence is not None
    assert f"{path} is missing: write it with `ablate data write {tree} --out {path}`" in sentence
    with pytest.raises(ValueError, match="is missing: write it with"):
        build(chosen)


def spoil(path: Path, how: str) -> None:
    """Make a whole beton into something that is none, or none of this data set."""
    content = path.read_bytes()
    if how == "another data set":
        path.unlink()
        write_from("digits", path, encode="raw")
    elif how == "not a beton":
        path.write_bytes(b"PK\x03\x04 something else" * 100)
    elif how == "empty":
        path.write_bytes(b"")
    else:
        keep = {"header": 100, "middle": len(content) // 2, "end": len(content) - 1}[how]
        path.write_bytes(content[:keep])


SPOILED = ("another data set", "not a beton", "empty", "header", "middle", "end")


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("loader", ["auto", "ffcv"])
def test_a_file_that_is_not_whole_is_refused_before_training(
    how: str, loader: str, tree: Path
) -> None:
    path = tree.with_suffix(".beton")
    spoil(path, how)
    with pytest.raises(ValueError, match=r"tree\.beton") as caught:
        build(config(tree, loader=loader))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    build(config(tree, loader="torch"))


@pytest.mark.parametrize("how", ["missing", *SPOILED])
def test_commands_refuse_it_with_one_sentence(
    how: str,
    tree: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tree.with_suffix(".beton")
    path.unlink() if how == "missing" else spoil(path, how)
    monkeypatch.chdir(tmp_path)
    study = [
        *("convnext_nano", f"data={{name: image_folder, folder: {tree}, loader: ffcv}}"),
        *("--runs", str(tmp_path / "runs")),
    ]
    for verb in ("plan", "run"):
        if (verb, how) == ("plan", "missing"):
            # Nothing to refuse yet: the plan says what is missing, and what writes it.
            assert main(["plan", *study, "--no-time"]) == 0
            assert "ablate data write" in capsys.readouterr().out
            continue
        assert main([verb, *study, *(["--no-time"] if verb == "plan" else [])]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("ablate: ")
        assert "tree.beton" in err
        assert err.count("\n") == 1
    assert not list((tmp_path / "runs").rglob("config.json"))


def test_a_run_notices_that_its_file_has_other_content_now(tree: Path) -> None:
    from datamodules.catalog.resolved import content

    chosen = config(tree, loader="ffcv")
    before = content(resolve(chosen))
    assert before is not None
    assert content(resolve(replace(chosen, beton=str(tree.with_suffix(".beton"))))) == before
    files = content(resolve(config(tree, loader="torch")))
    assert files not in (None, before)
    write_tree(tree, images=7)
    assert content(resolve(config(tree, loader="torch"))) != files
    write_from(tree, tree.with_suffix(".beton"), encode="original", force=True)
    assert content(resolve(chosen)) != before
