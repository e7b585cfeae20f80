"""A grid goes on whatever becomes of a run, stops when asked, and never trains a run twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ablations.executor import InlineExecutor, LocalExecutor
from ablations.grid import Grid
from ablations.lock import hold
from ablations.plan import PlannedRun
from ablations.progress import last_lines
from ablations.store import LOCK, LOG, STATUS, RunFolder, run_path
from ablations.worker import Slot
from tests.fake_runs import STARTS, fake_row, finish, make_folder, say, train

HERE = Path(__file__).parent


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
        command = [sys.executable, "-m", "tests.grid_process", str(root), str(workers), *acts]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def test_every_end_of_a_run_is_seen_and_the_others_go_on(tmp_path: Path) -> None:
    acts = (
        *("finish", "crash", "run_out_of_memory", "vanish", "leave_early", "fill_disk"),
        "finish",
    )
    folders = run_grid(tmp_path, rows_of(*acts))
    first, crash, memory, vanish, early, disk, last = (folder.health() for folder in folders)

    assert first == last == ("done", None)
    assert crash == ("failed", "RuntimeError: a made-up crash")
    assert memory[0] == "failed"
    assert "SIGKILL, which the kernel sends when memory runs out" in str(memory[1])
    assert vanish[0] == "failed"
    assert "died without a word" in str(vanish[1])
    assert early == ("failed", "training returned before the run was over")
    assert disk[0] == "failed"
    assert "No space left on device" in str(disk[1])
    assert str(folders[5].path) in str(disk[1])


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
