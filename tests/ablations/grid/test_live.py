"""What people see while a grid runs: tables, lines, times."""

import io
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ablations.planning.plan import PlannedRun
from ablations.store.heartbeat import Heartbeat
from ablations.store.lock import hold
from ablations.store.runs import LOCK, LOG, Look, RunFolder
from ablations.terminal.live_table import LiveView, PlainView, make_view
from ablations.terminal.progress import Follower, Progress, eta, last_lines, progress
from ablations.terminal.tables import plan_table, progress_table, seconds_text
from tests.support.fake_runs import fake_row, finish, make_folder, say

NEW = Progress(
    run_id="digits-seed0-000000000000",
    point="12_separate_downsampling",
    step="separate_downsampling",
    seed=0,
    state="new",
    epoch=0,
    epochs=None,
    metrics={},
    seconds=None,
    message=None,
)
RUNNING = replace(
    NEW,
    run_id="digits-seed1-000000000000",
    seed=1,
    state="running",
    epoch=3,
    epochs=12,
    metrics={"val/top1": 87.654, "train/loss": 0.5},
    seconds=4.25,
)
DONE = replace(RUNNING, state="done", epoch=12)
FAILED = replace(RUNNING, state="failed", message="no memory [bold]left")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (4.24, "4.2 s"),
        (61, "1 min 01 s"),
        (3599.6, "1 h 00 min"),
        (7300, "2 h 01 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_times_are_readable(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text


def shown(rows: Sequence[Progress], *, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(progress_table(rows, title="study", width=width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_wide_table_names_runs() -> None:
    text = shown([NEW, RUNNING], width=140)

    for word in (RUNNING.run_id, "12_separate_downsampling", "3/12", "87.654", "0.500", "4.2 s"):
        assert word in text


def test_a_narrow_table_cuts_nothing() -> None:
    text = shown([NEW, RUNNING], width=80)

    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    for word in ("12_separate_downsampling", "running", "3/12", "87.654", "0.500", "4.2 s"):
        assert word in text


def test_a_narrow_plan_cuts_nothing() -> None:
    row = {"run_id": NEW.run_id, "point": NEW.point, "seed": 0, "params": 25_557_032}
    row |= {"gmacs": 4.0893, "state": "stale", "seconds": 123_456.0}
    console = Console(file=io.StringIO(), width=80)
    console.print(plan_table([row], title="study", width=80))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()

    for word in ("00000000", "25,557,032", "4.0893", "stale", "34 h 17 min"):
        assert word in text


def test_lines_say_every_change_once() -> None:
    now: list[Progress] = [NEW, replace(RUNNING, state="new")]
    console = Console(file=io.StringIO(), width=140)
    view = PlainView(lambda: now, title="study", console=console)
    with view:
        now[1] = RUNNING
        view.update()
        view.update()
        now[1] = FAILED
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()

    assert len(lines) == 3
    assert "study: 2 runs, 0 done before" in lines[0]
    assert "12_separate_downsampling seed 1 running val/top1 87.654" in lines[1]
    assert "seed 1 failed" in lines[2]
    assert ": no memory [bold]left" in lines[2]


def test_a_terminal_has_the_live_table_and_it_ends_with_the_last_state() -> None:
    now = [RUNNING]
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    view = make_view(lambda: now, title="study", console=console)
    assert isinstance(view, LiveView)
    with view:
        view.update()
        now[0] = DONE
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()

    assert text.index("3/12") < text.index("12/12")
    assert "1/1 done" in text
    assert isinstance(
        make_view(lambda: now, title="", console=Console(file=io.StringIO())), PlainView
    )


def test_the_time_left_follows_the_pace_of_this_session() -> None:
    half = replace(RUNNING, epoch=6)

    assert eta([NEW, half], elapsed=10, epochs_before=1) == pytest.approx(10 / 5 * 18)
    assert eta([NEW, half], elapsed=10, epochs_before=6) is None
    assert eta([NEW], elapsed=10, epochs_before=0) is None
    assert eta([half, FAILED], elapsed=12, epochs_before=0) == pytest.approx(12)
    assert eta([half, half], elapsed=12, epochs_before=0) == pytest.approx(12)


def test_progress_reads_each_row_from_its_folder(tmp_path: Path) -> None:
    rows = [fake_row(0, "finish"), fake_row(1, "finish", seed=2), fake_row(0, "finish")]
    finish(make_folder(tmp_path, rows[0]))
    say(make_folder(tmp_path, rows[1]), "interrupted")
    index = [{"run_id": r.run_id, "point": r.point, "step": r.step, "seed": r.seed} for r in rows]
    index[2]["point"] = "05_other"
    first, second, third = progress(index, tmp_path)

    assert (first.state, first.point, first.epoch, first.epochs) == ("done", "00_finish", 1, 2)
    assert (second.state, second.seed) == ("interrupted", 2)
    assert third == replace(first, point="05_other")


def index_of(rows: Sequence[PlannedRun]) -> list[dict[str, object]]:
    return [{"run_id": r.run_id, "point": r.point, "step": r.step, "seed": r.seed} for r in rows]


def test_only_what_can_have_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [fake_row(number, "finish") for number in range(200)]
    for row in rows[:150]:
        finish(make_folder(tmp_path, row))
    read: list[str] = []
    follower = Follower(index_of(rows), tmp_path)
    real = RunFolder.look

    def look(folder: RunFolder) -> Look:
        read.append(folder.path.name)
        return real(folder)

    monkeypatch.setattr(RunFolder, "look", look)
    active = {rows[150].run_id}
    assert sum(row.state == "done" for row in follower.look(active)) == 150
    assert set(read) >= active
    assert len(read) <= 1 + 20
    finish(make_folder(tmp_path, rows[150]))
    assert follower.look(set())[150].state == "done"  # it was active until now
    finish(make_folder(tmp_path, rows[-1]))  # by another launcher
    for _ in range(5):
        shown = follower.look(set())
    assert shown[-1].state == "done"
    assert not set(read) & {row.run_id for row in rows[:150]}


def test_a_silent_worker_is_said_with_a_time(tmp_path: Path) -> None:
    row = fake_row(0, "finish")
    folder = make_folder(tmp_path, row)
    say(folder, "running")
    with hold(folder / LOCK):
        Heartbeat(folder).beat()
        (live,) = progress(index_of([row]), tmp_path)
        before = time.time() - 300
        os.utime(folder / LOCK, (before, before))
        (silent,) = progress(index_of([row]), tmp_path)
        Heartbeat(folder).beat()
        (again,) = progress(index_of([row]), tmp_path)

    assert (live.state, live.message, again.message) == ("running", None, None)
    assert live.quiet is not None
    assert live.quiet < 60
    assert silent.quiet == pytest.approx(300, abs=30)
    assert str(silent.message).startswith("nothing heard for 3")
    assert progress(index_of([row]), tmp_path)[0].quiet is None  # it runs no more


def test_silence_is_said_once_in_lines_and_stands_under_the_table() -> None:
    silent = replace(RUNNING, quiet=75.0, message="nothing heard for 75 s")
    now = [RUNNING]
    console = Console(file=io.StringIO(), width=140)
    with PlainView(lambda: now, title="study", console=console) as view:
        for quiet in (75.0, 76.0):
            now[0] = replace(silent, quiet=quiet)
            view._report()
    table = Console(file=io.StringIO(), width=100, force_terminal=True)
    with make_view(lambda: now, title="study", console=table) as live:
        live.update()

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("nothing heard for 75 s") == 1
    assert isinstance(table.file, io.StringIO)
    assert "nothing heard for 75 s" in table.file.getvalue()


def test_a_long_table_shows_what_says_most() -> None:
    now = [replace(NEW, seed=number) for number in range(500)]
    now[300] = RUNNING
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)
    with make_view(lambda: now, title="study", console=console) as view:
        view.update()
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()

    assert "87.654" in text
    assert "478 more rows: `ablate status study`" in text


def test_the_end_of_a_long_log(tmp_path: Path) -> None:
    (tmp_path / LOG).write_bytes(b"\xff" * 100_000 + b"\nlast but one\nlast\n")

    assert last_lines(tmp_path, count=2) == "last but one\nlast"
    assert last_lines(tmp_path / "absent") == ""
