"""The bench of image loaders: it measures what it says, and says what failed."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablations.bench import process
from ablations.bench.loader import measure, photographs
from ablations.bench.loader.files import subject
from ablations.bench.loader.job import Job, from_text
from ablations.bench.loader.loaders import LOADERS, SMALL_LOADERS, Loader
from ablations.bench.loader.photographs import cut_photographs, sources
from ablations.bench.process import to_text
from ablations.cli import main
from ablations.commands.bench import loader as command
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import photograph

ROW = {
    *("loader", "title", "cpu_ms_per_image", "images_per_s", "cpu_over_ours", "first_batch_s"),
    *("memory_mb", "readings"),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "tree"
    for part, images in (("train", 60), ("val", 4)):
        for number in range(images):
            target = folder / part / ("ant" if number < images // 2 else "bee")
            target.mkdir(parents=True, exist_ok=True)
            photograph(number, (64 + number, 60)).save(target / f"{number}.jpg", quality=90)
    return folder


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loaders that start in seconds, and short epochs."""
    monkeypatch.setattr(command, "_EPOCH", 128)
    monkeypatch.setattr(command, "_SMALL_EPOCH", 1024)
    kept = {name: LOADERS[name] for name in ("ours", "full decode")}
    monkeypatch.setattr(command, "LOADERS", kept)
    small = {name: SMALL_LOADERS[name] for name in ("ours, in memory",)}
    monkeypatch.setattr(command, "SMALL_LOADERS", small)


def test_every_loader_of_a_jpeg_file_has_its_numbers(
    tree: Path, tmp_path: Path, few: None, capsys: pytest.CaptureFixture[str]
) -> None:
    beton = write_from(tree, tmp_path / "x.beton", encode="original").path
    out = tmp_path / "result.json"
    assert main(["bench", "loader", str(beton), "--rounds", "2", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    (result,) = json.loads(out.read_text())
    assert "64 images, JPEG" in result["stored"]
    assert "64 images, JPEG" in " ".join(shown.split())
    rows = {row["loader"]: row for row in result["loaders"]}
    assert set(rows) == {"ours", "full decode", command.RESTART}
    for row in rows.values():
        assert set(row) == ROW
        assert len(row["readings"]["cpu"]) == len(row["readings"]["rate"]) == 2
        assert 0 < row["cpu_ms_per_image"] < 100
        assert row["images_per_s"] > 1
        assert row["first_batch_s"] > 0
        assert row["memory_mb"] > 10
    assert rows["ours"]["cpu_over_ours"] == 1


def test_small_raw_images_have_loaders_of_their_own(
    tmp_path: Path, few: None, capsys: pytest.CaptureFixture[str]
) -> None:
    beton = write_from("digits", tmp_path / "x.beton", encode="raw").path
    assert main(["bench", "loader", str(beton), "--rounds", "1", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert [row["loader"] for row in result["loaders"]] == ["ours, in memory"]


def test_every_loader_is_a_function_that_is_there() -> None:
    for loader in (*LOADERS.values(), *SMALL_LOADERS.values()):
        module, _, name = loader.function.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_what_a_loader_printed_is_shown_when_it_fails(tmp_path: Path) -> None:
    broken = Loader("ablations.bench.loader.others:pillow", "a broken one", "jpeg")
    job = Job(broken.function, str(tmp_path / "no.beton"), str(tmp_path), 8, 4, 0, 1)
    with pytest.raises(ValueError, match="a broken one failed: "):
        measure.measure(
            {"x": broken}, lambda _: job, rounds=1, folder=tmp_path, say=lambda text: None
        )


def test_a_file_of_jpegs_and_pixels_is_refused(tree: Path, tmp_path: Path) -> None:
    path = write_from(tree, tmp_path / "x.beton", encode="mixed").path
    with pytest.raises(ValueError, match="holds JPEGs and raw pixels"):
        subject(path, "x", tmp_path)


def test_the_same_pixels_are_there_with_restart_markers(tree: Path, tmp_path: Path) -> None:
    from datamodules.decoding import native

    path = write_from(tree, tmp_path / "x.beton", encode="original").path
    found = subject(path, "x", tmp_path)
    assert found.restart is not None
    for beton in (found.beton, found.restart):
        assert beton.sizes.min() > 0
    for sample in (0, 17):
        one, other = (
            native.decode(
                np.memmap(beton.path, np.uint8, mode="r")[
                    int(beton.offsets[sample]) : int(beton.offsets[sample] + beton.sizes[sample])
                ].tobytes(),
                height=int(beton.heights[sample]),
                width=int(beton.widths[sample]),
            )
            for beton in (found.beton, found.restart)
        )
        assert np.array_equal(one, other)


def test_a_job_travels_as_text() -> None:
    job = Job("ours", "/a b/x.beton", "", 224, 64, 2, 3)
    assert from_text(to_text(job)) == job
    assert from_text(to_text(replace(job, side=32))) != job


def test_cpu_time_of_children_is_seen() -> None:
    code = "x = 0\nfor i in range(3 * 10**7): x += i\ninput()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE) as process:
        seconds = 0.0
        while seconds < 0.3 and process.poll() is None:
            seconds = sum(measure._cpu(pid) for pid in measure._tree(process.pid)[1:])
        assert seconds >= 0.3
        assert measure._memory(os.getpid()) > 1e6
        process.communicate(b"\n")


def test_the_median_is_of_ratios_within_a_round() -> None:
    assert process.median_ratio([2, 30, 8], [1, 10, 2]) == 3
    assert process.median_ratio([2, 30], [1, 10]) == 2.5


def test_photographs_are_cut_to_imagenets_size_and_are_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "_FOLDERS", ())
    assert len(sources()) >= 2  # scikit-learn's are always there
    trees = [cut_photographs(tmp_path / name, 17) for name in "ab"]
    files = [sorted(path for path in tree.rglob("*.jpg")) for tree in trees]
    assert len(files[0]) == 17
    contents = [[path.read_bytes() for path in paths] for paths in files]
    assert contents[0] == contents[1]
    assert 40_000 < np.mean([len(content) for content in contents[0]]) < 160_000
