"""A grid goes on whatever becomes of a run, stops when asked, and never trains a run twice."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ablations.grid.executor import InlineExecutor, LocalExecutor
from ablations.grid.grid import Grid
from ablations.planning.plan import PlannedRun
from ablations.run.worker import Slot
from ablations.store.lock import hold
from ablations.store.runs import (
    CONFIG,
    LOCK,
    LOG,
    STATUS,
    RunFolder,
    run_path,
    write_json_atomic,
)
from ablations.terminal.progress import last_lines
from tests.support.fake_runs import STARTS, fake_row, finish, make_folder, say, train
from tests.support.project import PROJECT

HERE = PROJECT / "tests"


def rows_of(*acts: str) -> tuple[PlannedRun, ...]:
    return tuple(fake_row(number, act) for number, act in enumerate(acts))


def run_grid(root: Path, rows: Sequence[PlannedRun], *, workers: int = 2) -> list[RunFolder]:
    """Train rows in forked processes; their folders."""
    executor = LocalExecutor((Slot(1),) * workers, train=train, preload=())
    Grid(tuple(rows), root, executor).run()
    return [RunFolder(run_path(root, row.run_id)) for row in rows]


def starts(folder: RunFolder) -> int:
    path = folder.path / STARTS
    return len(path.read_text().splitlines()) if path.exists() else 0


def wait_for(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def grid_process() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts grids in processes of their own; ends what is left of them."""
    begun: list[subprocess.Popen[str]] = []

    def begin(root: Path, *acts: str, workers: int = 1) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "tests.support.grid_process",
            str(root),
            str(workers),
            *acts,
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def test_every_end_of_a_run_is_seen_and_the_others_go_on(tmp_path: Path) -> None:
    acts = (
        *("finish", "crash", "run_out_of_memory", "vanish", "leave_early"),
        "finish",
    )
    folders = run_grid(tmp_path, rows_of(*acts))
    first, crash, memory, vanish, early, last = (folder.health() for folder in folders)

    assert first == last == ("done", None)
    assert crash == ("failed", "RuntimeError: a made-up crash")
    assert memory[0] == "failed"
    assert "SIGKILL, which the kernel sends when memory runs out" in str(memory[1])
    assert vanish[0] == "failed"
    assert "died without a word" in str(vanish[1])
    assert early == ("failed", "training returned before the run was over")


def test_a_full_disk_stops_the_grid_with_the_reason_and_it_can_go_on(tmp_path: Path) -> None:
    rows = rows_of("wait_a_moment", "fill_disk", "finish")
    grid = Grid(rows, tmp_path, LocalExecutor((Slot(1),) * 2, train=train, preload=()))
    grid.run()
    other, full, rest = (RunFolder(run_path(tmp_path, row.run_id)) for row in rows)

    assert other.state() == "done"  # what runs is not ended
    assert rest.state() == "new"
    for words in (str(full.path), "the disk is full", "MB are free", "same command"):
        assert words in str(grid.halted)
    assert full.health()[0] == "failed"
    assert f"No space left on device: '{full.path}/checkpoints'" in str(full.message())
    write_json_atomic(full.path / CONFIG, {"act": "finish"})
    assert run_grid(tmp_path, rows[2:])[0].state() == "done"


def test_a_launcher_that_cannot_write_stops_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, content: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("ablations.grid.grid.write_json_atomic", write)
    grid = Grid(rows_of("finish", "finish"), tmp_path, InlineExecutor(train))
    grid.run()

    assert "the disk is full" in str(grid.halted)


def test_a_run_whose_folder_cannot_be_used_fails_alone(tmp_path: Path) -> None:
    rows = rows_of("finish", "finish", "finish")
    (tmp_path / "all").mkdir()
    run_path(tmp_path, rows[0].run_id).write_text("a file")
    (make_folder(tmp_path, rows[1]) / LOG).symlink_to(tmp_path / "mine")
    grid = Grid(rows, tmp_path, LocalExecutor((Slot(1),), train=train, preload=()))
    grid.run()
    _, linked, last = (RunFolder(run_path(tmp_path, row.run_id)) for row in rows)

    assert "could not be started" in grid.reasons[rows[0].run_id]
    assert linked.state() == "failed"
    assert "it is a link" in str(linked.message())
    assert not (tmp_path / "mine").exists()
    assert last.state() == "done"


def test_a_run_whose_launcher_and_worker_died_together_is_taken_over(tmp_path: Path) -> None:
    (row,) = rows_of("finish")
    folder = make_folder(tmp_path, row)
    lock = hold(folder / LOCK)
    lock.__enter__()
    looks = 0

    def watch() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            say(folder, "running")
            lock.__exit__(None, None, None)

    executor = LocalExecutor((Slot(1),), train=train, preload=())
    Grid((row,), tmp_path, executor, watch=watch).run()

    assert RunFolder(folder).state() == "done"
    assert starts(RunFolder(folder)) == 1


def test_what_became_of_a_run_is_not_said_over_another_grid(tmp_path: Path) -> None:
    (row,) = rows_of("finish")
    folder = make_folder(tmp_path, row)
    say(folder, "running")
    grid = Grid((row,), tmp_path, InlineExecutor(train))
    with hold(folder / LOCK):
        assert not grid._mark(row, "failed", "killed")
    assert RunFolder(folder).state_in_files() == "running"
    assert grid._mark(row, "failed", "killed")
    assert RunFolder(folder).message() == "killed"


def test_the_log_holds_what_the_run_printed_and_the_traceback(tmp_path: Path) -> None:
    (folder,) = run_grid(tmp_path, rows_of("crash"))
    tail = last_lines(folder.path)

    assert "now crash" in (folder.path / LOG).read_text()
    assert tail.endswith("RuntimeError: a made-up crash\nwith a second line")
    assert last_lines(folder.path, count=1) == "with a second line"


def test_again_redoes_only_what_is_missing(tmp_path: Path) -> None:
    done, failed = run_grid(tmp_path, rows_of("finish", "crash"))
    run_grid(tmp_path, rows_of("finish", "crash"))

    assert (starts(done), starts(failed)) == (1, 2)


def test_a_run_that_died_silently_is_trained_again(tmp_path: Path) -> None:
    (row,) = rows_of("finish")
    say(make_folder(tmp_path, row), "running")

    (folder,) = run_grid(tmp_path, [row])

    assert folder.state() == "done"


def test_a_damaged_status_does_not_stop_the_grid(tmp_path: Path) -> None:
    rows = rows_of("finish", "finish")
    (make_folder(tmp_path, rows[0]) / STATUS).write_text("{")

    folders = run_grid(tmp_path, rows)

    assert [folder.state() for folder in folders] == ["done", "done"]


def test_the_inline_executor_trains_in_this_process(tmp_path: Path) -> None:
    rows = rows_of("finish", "crash", "finish")
    Grid(rows, tmp_path, InlineExecutor(train)).run()
    folders = [RunFolder(run_path(tmp_path, row.run_id)) for row in rows]

    assert [folder.state() for folder in folders] == ["done", "failed", "done"]
    assert (folders[0].path / STARTS).read_text() == f"{os.getpid()}\n"


def test_a_run_trained_elsewhere_is_waited_for_and_not_trained(tmp_path: Path) -> None:
    (row,) = rows_of("finish")
    folder = make_folder(tmp_path, row)
    looks = 0

    def watch() -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            finish(folder)
            lock.__exit__(None, None, None)

    lock = hold(folder / LOCK)
    lock.__enter__()
    executor = LocalExecutor((Slot(1),), train=train, preload=())
    Grid((row,), tmp_path, executor, watch=watch).run()

    assert RunFolder(folder).state() == "done"
    assert starts(RunFolder(folder)) == 0


def test_a_run_that_another_grid_gave_up_is_taken_over(tmp_path: Path) -> None:
    (row,) = rows_of("finish")
    folder = make_folder(tmp_path, row)
    lock = hold(folder / LOCK)
    lock.__enter__()
    looks = 0

    def watch() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            say(folder, "interrupted")
            lock.__exit__(None, None, None)

    executor = LocalExecutor((Slot(1),), train=train, preload=())
    Grid((row,), tmp_path, executor, watch=watch).run()

    assert RunFolder(folder).state() == "done"
    assert starts(RunFolder(folder)) == 1


def test_two_grids_at_once_train_every_run_once(
    tmp_path: Path, grid_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    acts = ["finish"] * 8
    both = [grid_process(tmp_path, *acts, workers=2) for _ in range(2)]
    for process in both:
        assert process.wait(timeout=40) == 0

    for row in rows_of(*acts):
        folder = RunFolder(run_path(tmp_path, row.run_id))
        assert (folder.state(), starts(folder)) == ("done", 1)


def test_ctrl_c_stops_cleanly_within_seconds(
    tmp_path: Path, grid_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    grid = grid_process(tmp_path, "wait", "wait", workers=1)
    running, waiting = (RunFolder(run_path(tmp_path, r.run_id)) for r in rows_of("wait", "wait"))
    wait_for(lambda: running.state() == "running")

    began = time.monotonic()
    grid.send_signal(signal.SIGINT)
    out, _ = grid.communicate(timeout=20)

    assert time.monotonic() - began < 5
    assert (grid.returncode, out) == (0, "over 1\n")
    assert running.state() == "interrupted"
    assert waiting.state() == "new"


def test_a_second_ctrl_c_ends_what_does_not_listen(
    tmp_path: Path, grid_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    grid = grid_process(tmp_path, "ignore_signals")
    (row,) = rows_of("ignore_signals")
    folder = RunFolder(run_path(tmp_path, row.run_id))
    wait_for(lambda: folder.state() == "running")

    grid.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert folder.state() == "running"
    grid.send_signal(signal.SIGINT)
    grid.communicate(timeout=8)

    assert folder.health() == ("interrupted", "ended by SIGKILL while stopping")


def test_workers_stop_when_their_launcher_is_killed(
    tmp_path: Path, grid_process: Callable[..., "subprocess.Popen[str]"]
) -> None:
    grid = grid_process(tmp_path, "wait")
    (row,) = rows_of("wait")
    folder = RunFolder(run_path(tmp_path, row.run_id))
    wait_for(lambda: folder.state() == "running")

    grid.kill()

    wait_for(lambda: folder.state() == "interrupted", seconds=8)
