"""`ablate run`: train what is not done."""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.plan import Plan, PlannedRun, index_of, make_plan
from ablations.planning import plan_costs, read_study
from ablations.preflight import (
    Machine,
    check_data_is_there,
    check_writable,
    inspect,
    inspect_in_child,
)
from ablations.scale_notes import stuck_scales
from ablations.start_notes import start_warnings
from ablations.store import INDEX, RunFolder, run_path, runs_root, study_path, write_json_atomic

if TYPE_CHECKING:
    from rich.console import Console

    from ablations.executor import Executor

FAILURE, STOPPED = 1, 130


def command(options: argparse.Namespace) -> int:
    """Check everything, then train; 0 only if all runs of the study are done."""
    study = read_study(options)
    if options.workers is not None:
        study.hardware.workers = options.workers
    plan, root = make_plan(study), runs_root(options.runs)
    return run_plan(plan, root, command_line=shlex.join(["ablate", *sys.argv[1:]]))


def exec_run(options: argparse.Namespace) -> int:
    """Train the run of one folder in this process: how runs on several devices are started."""
    from ablations.train import train_run
    from ablations.worker import attempt

    folder = options.folder.absolute()
    if os.environ.get("LOCAL_RANK", "0") != "0":  # another rank of it: the first one reports
        train_run(folder)
        return 0
    return attempt(folder, train_run)


def run_plan(plan: Plan, root: Path, *, command_line: str) -> int:
    """Train what is not done of a plan, showing progress; the exit code of `ablate run`."""
    from ablations.tables import make_console

    console, unique = make_console(), plan.unique()
    check_writable(root)
    stopped = False
    if any(RunFolder(run_path(root, name)).state() != "done" for name in unique):
        stopped = _train(plan, root, command_line=command_line, console=console)
    else:
        _write_index(plan, root, command_line)
    return _conclude(plan, root, stopped=stopped, console=console)


def _train(plan: Plan, root: Path, *, command_line: str, console: "Console") -> bool:
    """Check everything, then train; whether the user stopped it."""
    from ablations.grid import Grid, stop_on_signals
    from ablations.live import make_view
    from ablations.progress import progress
    from ablations.tables import say

    name = plan.study.name
    check_data_is_there(plan.study)
    say(console, f"checking {name}: devices, data, networks")
    executor, machine = _prepare(plan, root)
    stuck = stuck_scales(plan, machine.train_images)
    starts = (f"{sentence}." for sentence in start_warnings(plan).values())
    for note in (*machine.notes, *(scale.sentence for scale in stuck), *starts):
        say(console, note)
    rows = _write_index(plan, root, command_line)
    view = make_view(lambda: progress(rows, root), title=name, console=console)
    with stop_on_signals() as stop, view:
        grid = Grid(tuple(plan.unique().values()), root, executor, watch=view.update, stop=stop)
        grid.on_end = _board_refresher(name, root)
        grid.run()
    return stop.count > 0


def _write_index(plan: Plan, root: Path, command_line: str) -> list[dict[str, Any]]:
    """Say what the study consists of now; its rows."""
    index, costs = index_of(plan, command_line), plan_costs(plan, root)
    for row, planned in zip(index["rows"], plan.rows, strict=True):
        if planned.spec in costs:
            cost = costs[planned.spec]
            row |= {"params": cost.params, "gmacs": cost.gmacs}
    write_json_atomic(study_path(root, plan.study.name) / INDEX, index)
    rows: list[dict[str, Any]] = index["rows"]
    return rows


def _prepare(plan: Plan, root: Path) -> tuple["Executor", Machine]:
    """Where the runs will train, and what was found on this machine."""
    from ablations import executor as places

    hardware = plan.study.hardware
    if hardware.workers == 0:
        return places.InlineExecutor(), inspect(plan.study, plan.networks(), root)
    machine = inspect_in_child(plan, root)
    slots = places.make_slots(hardware, gpus=machine.gpus, cores=places.cores())
    return places.LocalExecutor(slots), machine


def _conclude(plan: Plan, root: Path, *, stopped: bool, console: "Console") -> int:
    from ablations.tables import say

    unique = plan.unique()
    folders = {name: RunFolder(run_path(root, name)) for name in unique}
    states = {name: folder.state() for name, folder in folders.items()}
    name = plan.study.name
    for run_id, state in states.items():
        if state == "failed":
            say(console, _failure(unique[run_id], folders[run_id]))
    done = sum(state == "done" for state in states.values())
    say(console, f"{name}: {done} of {len(states)} runs done, in {root / 'all'}")
    if done < len(states):
        say(console, f"`ablate run {name}` again trains what is missing")
        return STOPPED if stopped else FAILURE
    say(
        console,
        f"next: `ablate report {name}` compares them, `ablate board {name}` opens TensorBoard",
    )
    return 0


def _failure(row: PlannedRun, folder: RunFolder) -> str:
    from ablations.progress import last_lines
    from ablations.store import LOG

    log = "\n".join(f"    {line}" for line in last_lines(folder.path).splitlines())
    head = f"{row.point} seed {row.seed} failed: {folder.message()}"
    return f"\n{head}\n  the end of {folder.path / LOG}:\n{log}\n"


def _board_refresher(study: str, root: Path) -> Any:
    """Keep the study's TensorBoard folder up to date as runs end."""

    def refresh(_row: PlannedRun) -> None:
        try:
            from ablations.board import refresh as refresh_board

            refresh_board(study, runs_root=root)
        except Exception as error:
            # Only a view of the results: `ablate board` makes it again, and the grid goes on.
            print(f"TensorBoard's folder was not renewed: {error}", file=sys.stderr)

    return refresh
