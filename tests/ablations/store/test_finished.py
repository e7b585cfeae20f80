"""Finished runs are not read again, and what happened to one is noticed all the same."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.store import finished
from ablations.store.finished import look_at
from ablations.store.runs import (
    CACHE,
    STATUS,
    SUMMARY,
    Look,
    RunFolder,
    run_path,
    write_json_atomic,
)

RUNS = [f"digits-seed{seed}-0123456789ab" for seed in range(3)]
STATUS_OF = {"state": "done", "epoch": 2, "epochs": 2, "metrics": {"val/top1": 50.0}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three finished runs that were looked at once."""
    monkeypatch.setattr(finished, "_SETTLED", 0.0)
    for name in RUNS:
        write_json_atomic(run_path(tmp_path, name) / STATUS, STATUS_OF)
        write_json_atomic(run_path(tmp_path, name) / SUMMARY, {"test/top1": 50.0})
    assert states(tmp_path) == ["done"] * 3
    return tmp_path


def states(root: Path) -> list[str]:
    return [look.state for look in look_at(RUNS, root).values()]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that are read from here on."""
    names: list[str] = []
    real = RunFolder.look

    def look(folder: RunFolder) -> Look:
        names.append(folder.path.name)
        return real(folder)

    monkeypatch.setattr(RunFolder, "look", look)
    return names


def test_what_was_found_whole_is_not_read_again(root: Path, read: list[str]) -> None:
    found = look_at(RUNS, root)
    assert [look.status["metrics"] for look in found.values()] == [{"val/top1": 50.0}] * 3
    assert read == []


def damage(file: Path) -> None:
    """Other content of the same size, at the same time."""
    before = file.stat()
    file.write_bytes(b"{" * before.st_size)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "summary damaged": (lambda run: damage(run / SUMMARY), "failed"),
    "status damaged": (lambda run: damage(run / STATUS), "failed"),
    "summary gone": (lambda run: (run / SUMMARY).unlink(), "failed"),
    "run gone": (shutil.rmtree, "new"),
    "begun again": (lambda run: write_json_atomic(run / STATUS, {"state": "failed"}), "failed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_read_again(root: Path, read: list[str], change: str) -> None:
    alter, state = CHANGES[change]
    alter(run_path(root, RUNS[1]))
    assert states(root) == ["done", state, "done"]
    assert read == [RUNS[1]]


def test_a_link_is_no_finished_run(root: Path) -> None:
    summary = run_path(root, RUNS[0]) / SUMMARY
    summary.rename(root / "elsewhere.json")
    summary.symlink_to(root / "elsewhere.json")
    assert states(root) == ["failed", "done", "done"]


def test_what_was_just_written_is_not_remembered_yet(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(root / CACHE)
    monkeypatch.setattr(finished, "_SETTLED", 60.0)
    assert states(tmp_path) == ["done"] * 3
    assert not (root / CACHE).exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 1}',
        '{"version": 1, "runs": {"a": 3}}',
        '{"version": 1, "runs": {"a": {"files": "", "status": []}}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_memory_is_none(root: Path, read: list[str], text: str) -> None:
    (root / CACHE / "finished.json").write_text(text)
    assert states(root) == ["done"] * 3
    assert read == RUNS


@pytest.mark.parametrize(
    "odd", [{"epoch": "two"}, {"metrics": {"val/top1": "high"}}, {"message": 3}, {"state": "new"}]
)
def test_an_odd_entry_of_the_memory_is_read_again(
    root: Path, read: list[str], odd: dict[str, object]
) -> None:
    file = root / CACHE / "finished.json"
    content = json.loads(file.read_text())
    content["runs"][RUNS[0]]["status"] |= odd
    file.write_text(json.dumps(content))
    assert states(root) == ["done"] * 3
    assert read == RUNS[:1]
