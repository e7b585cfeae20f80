"""Links, pipes and folders where a run's files should be are named, not followed or waited for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.cli import main
from ablations.planning.counts import read_counts
from ablations.store.lock import hold, is_held
from ablations.store.runs import (
    CONFIG,
    LOCK,
    LOG,
    METRICS,
    PROVENANCE,
    STATUS,
    SUMMARY,
    RunFolder,
    run_path,
    study_path,
)
from ablations.terminal.progress import last_lines
from lit_models import TRAJECTORIES
from lit_models.weights.tensor_files import read_tensors
from tests.support.fabricate import cumulative, fabricate_study

SHORT = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)[:1]
READERS: dict[str, Callable[[RunFolder], object]] = {
    CONFIG: RunFolder.config,
    STATUS: RunFolder.status,
    METRICS: RunFolder.metrics,
    SUMMARY: RunFolder.summary,
    PROVENANCE: RunFolder.provenance,
}


def link(path: Path) -> None:
    mine = path.parents[3] / "mine"
    path.rename(mine) if path.exists() else mine.write_text("mine")
    path.symlink_to(mine)


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


ODD = {"link": link, "pipe": pipe, "folder": folder}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    fabricate_study(tmp_path, points=SHORT, seeds=[0])
    return RunFolder(run_path(tmp_path, "fashion_mnist-seed0-000000000000"))


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", READERS)
def test_odd_files_of_a_run_are_named(run: RunFolder, name: str, kind: str) -> None:
    READERS[name](run)
    ODD[kind](run.path / name)
    words = "it is a link" if kind == "link" else "it is no regular file"
    with pytest.raises(ValueError, match=rf"{name} cannot be read.*{words}"):
        READERS[name](run)
    if name in (STATUS, SUMMARY):
        assert run.state() == "failed"
        assert name in str(run.message())


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_lock_is_named_and_what_is_done_stays_done(run: RunFolder, kind: str) -> None:
    ODD[kind](run.path / LOCK)
    assert run.state() == "done"
    (run.path / STATUS).write_text('{"state": "running"}')
    assert run.state() == "failed"
    assert "lock cannot be used: it is" in str(run.message())
    with pytest.raises(OSError, match="it is"):
        is_held(run.path / LOCK)
    with pytest.raises(OSError, match="it is"), hold(run.path / LOCK):
        pass


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_log_has_no_end(run: RunFolder, kind: str) -> None:
    ODD[kind](run.path / LOG)
    assert last_lines(run.path) == ""


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_status_does_not_wait_for_an_odd_file(
    run: RunFolder, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = run.path.parents[1]
    ODD[kind](run.path / STATUS)
    assert main(["status", "made_up", "--runs", str(root)]) == 0
    assert "it is no regular file" in capsys.readouterr().out
    ODD[kind](study_path(root, "made_up") / "index.json")
    assert main(["status", "made_up", "--runs", str(root)]) == 2
    assert "index.json: cannot be read" in capsys.readouterr().err


def test_other_odd_files(tmp_path: Path) -> None:
    pipe(tmp_path / "x")
    assert read_counts(tmp_path / "x") == {}
    with pytest.raises(ValueError, match="x is no file"):
        read_tensors(tmp_path / "x")
