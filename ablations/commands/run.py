"""`ablate run`: train what is not done."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.board.refreshing import BoardRefresher
from ablations.commands.parsing import (
    add_name,
    add_overrides,
    add_places,
    add_study,
    at_least,
    typed,
)
from ablations.commands.plan import plan_costs, read_study, replacing
from ablations.grid.preflight import (
    Machine,
    check_data_is_there,
    check_writable,
    inspect,
    inspect_in_child,
)
from ablations.planning.plan import Plan, PlannedRun, index_of, make_plan
from ablations.planning.scale_notes import stuck_scales
from ablations.planning.start_notes import start_warnings
from ablations.process.output import lasting
from ablations.store.finished import look_at
from ablations.store.hints import Typed
from ablations.store.index_file import Replaced, replaced_by
from ablations.store.runs import (
    INDEX,
    RunFolder,
    run_path,
    runs_root,
    study_path,
    write_json_atomic,
)

if TYPE_CHECKING:
    from rich.console import Console

    from ablations.grid.executor import Executor

FAILURE, STOPPED = 1, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate run`."""
    add_study(parser)
    add_overrides(parser)
    add_name(parser)
    add_places(parser)
    parser.add_argument(
        "--workers",
        type=at_least(0),
        metavar="N",
        help="runs at a time; default: one a GPU, or one a CPU core; 0 trains in this process",
    )


def command(options: argparse.Namespace) -> int:
    """Check everything, then train; 0 only if all runs of the study are done."""
    study = read_study(options)
    if options.workers is not None:
        study.hardware.workers = options.workers
    plan, root = make_plan(study), runs_root(options.runs)
    with lasting():  # a grid of days does not end because nobody reads what it says
        return run_plan(plan, root, typed=typed(options))


@dataclass(frozen=True)
class Launch:
    """What one `ablate run` trains, where, and how it was asked for."""

    plan: Plan
    root: Path
    typed: Typed
    console: "Console"
    gone: Replaced | None  # from the study's report

    def say(self, text: str) -> None:
        """Print a line."""
        from ablations.terminal.tables import say

        say(self.console, text)


def run_plan(plan: Plan, root: Path, *, typed: Typed) -> int:
    """Train what is not done of a plan, showing progress; the exit code of `ablate run`."""
    from ablations.terminal.tables import make_console

    unique = plan.unique()
    gone = replaced_by(plan.study.name, unique, root)
    launch = Launch(plan, root, typed, make_console(), gone)
    check_writable(root)
    if gone is not None and gone.runs:
        launch.say(f"note: {replacing(gone, typed)}")
    looks = look_at(unique, root)
    left = [row for name, row in unique.items() if looks[name].state != "done"]
    if not left:
        _write_index(launch)
        return _conclude(launch, [], Ended())
    return _conclude(launch, left, _train(launch, left))


@dataclass(frozen=True)
class Ended:
    """How a grid ended: whether the user stopped it, and what its run folders cannot say."""

    stopped: bool = False
    halted: str | None = None  # why no more runs were started
    reasons: Mapping[str, str] = field(default_factory=dict)  # by run id


def _train(launch: Launch, left: Sequence[PlannedRun]) -> Ended:
    """Check everything, then train the runs that are left."""
    from ablations.grid.grid import Grid, stop_on_signals
    from ablations.terminal.live_table import make_view
    from ablations.terminal.progress import Follower

    plan, root = launch.plan, launch.root
    name = plan.study.name
    check_data_is_there(plan.data)
    launch.say(f"checking {name}: devices, data, networks")
    executor, machine = _prepare(plan, root)
    stuck = stuck_scales(plan, machine.train_images)
    starts = (f"{sentence}." for sentence in start_warnings(plan).values())
    for note in (*machine.notes, *(scale.sentence for scale in stuck), *starts):
        launch.say(note)
    follower = Follower(_write_index(launch), root)
    board = BoardRefresher(name, root, rows=len(plan.rows))
    grid = Grid(tuple(left), root, executor, on_end=board)
    view = make_view(lambda: follower.look(grid.active()), title=name, console=launch.console)
    with stop_on_signals() as stop, view:
        grid.watch, grid.stop = view.update, stop
        grid.run()
    board.finish()
    return Ended(stop.count > 0, grid.halted, grid.reasons)


def _write_index(launch: Launch) -> list[dict[str, Any]]:
    """Say what the study consists of now; its rows."""
    plan, root = launch.plan, launch.root
    costs = plan_costs(plan, root)
    index = {
        **index_of(plan, shlex.join(["ablate", *sys.argv[1:]])),
        "base": launch.typed.study,
        "overrides": [*launch.typed.overrides],
        "replaced": launch.gone.command if launch.gone else None,
    }
    for row, planned in zip(index["rows"], plan.rows, strict=True):
        if planned.spec in costs:
            cost = costs[planned.spec]
            row |= {"params": cost.params, "gmacs": cost.gmacs}
    write_json_atomic(study_path(root, plan.study.name) / INDEX, index)
    rows: list[dict[str, Any]] = index["rows"]
    return rows


def _prepare(plan: Plan, root: Path) -> tuple["Executor", Machine]:
    """Where the runs will train, and what was found on this machine."""
    from ablations.grid import executor as places

    hardware = plan.study.hardware
    if hardware.workers == 0:
        return places.InlineExecutor(), inspect(plan.study, plan.networks, root)
    machine = inspect_in_child(plan, root)
    slots = places.make_slots(hardware, gpus=machine.gpus, cores=places.cores())
    return places.LocalExecutor(slots), machine


def _conclude(launch: Launch, left: Sequence[PlannedRun], ended: Ended) -> int:
    """Say what became of the runs that were left."""
    plan, root, typed = launch.plan, launch.root, launch.typed
    name, missing = plan.study.name, 0
    for row in left:
        folder = RunFolder(run_path(root, row.run_id))
        state, message = folder.health()
        missing += state != "done"
        if state == "failed" or (state != "done" and row.run_id in ended.reasons):
            launch.say(_failure(row, folder, ended.reasons.get(row.run_id, message)))
    total = len(plan.unique())
    if ended.halted is not None:
        launch.say(f"no more runs were started: {ended.halted}")
    launch.say(f"{name}: {total - missing} of {total} runs done, in {root / 'all'}")
    if missing:
        launch.say(f"{typed.again('run')} again trains what is missing")
        return STOPPED if ended.stopped else FAILURE
    report, board = typed.hint("report", name), typed.hint("board", name)
    launch.say(f"next: {report} compares them, {board} opens TensorBoard")
    return 0


def _failure(row: PlannedRun, folder: RunFolder, message: str | None) -> str:
    from ablations.store.runs import LOG
    from ablations.terminal.progress import last_lines

    log = "\n".join(f"    {line}" for line in last_lines(folder.path).splitlines())
    head = f"{row.point} seed {row.seed} failed: {message}"
    return f"\n{head}\n  the end of {folder.path / LOG}:\n{log}\n"
