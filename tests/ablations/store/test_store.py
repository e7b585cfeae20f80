"""Run folders: states, whole files or none, and clear errors for damaged ones."""

import json
import multiprocessing
import os
import subprocess
import threading
from pathlib import Path

import pytest

from ablations.store import provenance
from ablations.store.lock import BusyError, hold, is_held
from ablations.store.runs import (
    LOCK,
    METRICS,
    STATUS,
    SUMMARY,
    RunFolder,
    mark,
    read_json,
    run_path,
    runs_root,
    study_path,
    write_json_atomic,
)


def say(folder: Path, state: str, **more: object) -> RunFolder:
    write_json_atomic(folder / STATUS, {"state": state, **more})
    return RunFolder(folder)


def test_an_empty_folder_is_new(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "absent")

    assert (run.state(), run.message(), run.status(), run.summary()) == ("new", None, None, None)
    assert run.metrics() == []
    with pytest.raises(ValueError, match=r"it has no config\.json"):
        run.config()


def test_done_needs_a_summary(tmp_path: Path) -> None:
    run = say(tmp_path, "done")
    assert run.state() == "failed"
    assert SUMMARY in str(run.message())

    write_json_atomic(tmp_path / SUMMARY, {"test/top1": 1.0})
    assert run.state() == "done"


def test_running_without_a_living_worker_has_failed(tmp_path: Path) -> None:
    run = say(tmp_path, "running")
    assert run.state() == "failed"
    assert "died without a word" in str(run.message())
    assert run.state_in_files() == "running"

    with hold(tmp_path / LOCK):
        assert run.state() == "running"
    assert run.state() == "failed"


def test_a_reason_is_kept(tmp_path: Path) -> None:
    assert say(tmp_path, "failed", message="no memory").health() == ("failed", "no memory")
    assert say(tmp_path, "interrupted", message=None).health() == ("interrupted", None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "odd"}', "\udcff"])
def test_a_damaged_status_is_named_and_has_failed(tmp_path: Path, text: str) -> None:
    (tmp_path / STATUS).write_bytes(text.encode("utf-8", "surrogateescape"))
    run = RunFolder(tmp_path)

    with pytest.raises(ValueError, match=r"status\.json.*delete the file"):
        run.status()
    assert run.state() == "failed"
    assert STATUS in str(run.message())


@pytest.mark.parametrize("text", ["a,b\n1\n", "a\nx\n", "a\n1,2\n", "a\n\udcff\n"])
def test_damaged_metrics_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / METRICS).write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(ValueError, match=r"metrics\.csv.*delete the file"):
        RunFolder(tmp_path).metrics()


def test_metrics_are_numbers_and_empty_cells_are_left_out(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text("epoch,val/top1\n1,\n2,50.5\n")

    assert RunFolder(tmp_path).metrics() == [{"epoch": 1.0}, {"epoch": 2.0, "val/top1": 50.5}]


def test_mark_keeps_what_the_worker_said(tmp_path: Path) -> None:
    say(tmp_path, "running", epoch=3, pid=1)
    mark(tmp_path, "failed", "killed")

    status = RunFolder(tmp_path).status()
    assert status is not None
    assert (status["state"], status["message"], status["epoch"]) == ("failed", "killed", 3)


def test_mark_replaces_a_damaged_status(tmp_path: Path) -> None:
    (tmp_path / STATUS).write_text("{")
    mark(tmp_path, "failed", "killed")

    assert RunFolder(tmp_path).health() == ("failed", "killed")


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path, stop, seen = tmp_path / "x.json", threading.Event(), set[int]()
    write_json_atomic(path, {"value": 0, "fill": "x" * 100_000})

    def read() -> None:
        while not stop.is_set():
            found = read_json(path)
            assert found is not None
            seen.add(found["value"])

    reader = threading.Thread(target=read)
    reader.start()
    for value in range(60):
        write_json_atomic(path, {"value": value, "fill": "x" * 100_000})
    stop.set()
    reader.join()

    assert len(seen) > 1
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    write_json_atomic(path, {"value": 1})

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json_atomic(path, {"value": 2})

    assert json.loads(path.read_text()) == {"value": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "/etc", "a\n", "..", "a b", "-x"])
def test_names_cannot_leave_the_runs_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="run id"):
        run_path(tmp_path, name)
    with pytest.raises(ValueError, match="cannot name a study"):
        study_path(tmp_path, name)


def test_the_runs_folder_is_option_then_variable_then_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABLATE_RUNS", raising=False)
    assert runs_root() == tmp_path / "runs"

    monkeypatch.setenv("ABLATE_RUNS", str(tmp_path / "variable"))
    assert runs_root() == tmp_path / "variable"
    assert runs_root(tmp_path / "option") == tmp_path / "option"


def test_a_lock_is_for_one(tmp_path: Path) -> None:
    path = tmp_path / LOCK
    assert not is_held(path)
    with hold(path):
        assert is_held(path)
        with pytest.raises(BusyError, match="another process"), hold(path):
            pass
    assert not is_held(path)
    with hold(path):
        pass


def test_looking_at_a_lock_does_not_disturb_its_taking(tmp_path: Path) -> None:
    path, stop = tmp_path / LOCK, threading.Event()
    with hold(path):
        pass

    def look() -> None:
        while not stop.is_set():
            is_held(path)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for _ in range(50):
        with hold(path):
            pass
    stop.set()
    for looker in lookers:
        looker.join()


def test_a_forked_child_does_not_keep_its_parents_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    begun, release = context.Event(), context.Event()

    def wait() -> None:
        begun.set()
        release.wait()

    with hold(tmp_path / LOCK):
        child = context.Process(target=wait)
        child.start()
        begun.wait()
    try:
        assert child.is_alive()
        assert not is_held(tmp_path / LOCK)
    finally:
        release.set()
        child.join()


def test_a_folder_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    run = say(tmp_path, "running")
    with hold(tmp_path / LOCK):
        pass
    tmp_path.chmod(0o555)
    try:
        assert run.state() == "failed"
        if os.geteuid() != 0:  # root may write everywhere
            with pytest.raises(OSError, match="Permission"):
                mark(tmp_path, "failed", "x")
    finally:
        tmp_path.chmod(0o755)


def test_the_commit_of_another_repository_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed into an environment that lies in somebody's own checkout."""
    commit = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-mx"]
    for arguments in (["init", "-q"], commit):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    installed = tmp_path / "provenance.py"
    installed.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(installed))

    assert provenance.git_state.__wrapped__() is None
