"""What `ablate run` does between its options and its last words: check, index, train."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.board.refreshing import BoardRefresher
from ablations.commands.plan import plan_costs
from ablations.grid.preflight import Machine, check_data_is_there, inspect, inspect_in_child
from ablations.planning.notes.scales import stuck_scales
from ablations.planning.notes.starts import start_warnings
from ablations.planning.plan import Plan, PlannedRun, index_of
from ablations.store.hints import Typed
from ablations.store.index_file import Replaced
from ablations.store.runs import INDEX, study_path, write_json_atomic

if TYPE_CHECKING:
    from rich.console import Console

    from ablations.grid.executor import Executor


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


@dataclass(frozen=True)
class Ended:
    """How a grid ended: whether the user stopped it, and what its run folders cannot say."""

    stopped: bool = False
    halted: str | None = None  # why no more runs were started
    reasons: Mapping[str, str] = field(default_factory=dict)  # by run id


def train(launch: Launch, left: Sequence[PlannedRun]) -> Ended:
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
    follower = Follower(write_index(launch), root)
    board = BoardRefresher(name, root, rows=len(plan.rows))
    grid = Grid(tuple(left), root, executor, on_end=board)
    view = make_view(
        lambda: follower.look(grid.active()),
        title=name,
        console=launch.console,
        more=launch.typed.hint("status", name),
    )
    with stop_on_signals() as stop, view:
        grid.watch, grid.stop = view.update, stop
        grid.run()
    board.finish()
    return Ended(stop.count > 0, grid.halted, grid.reasons)


def write_index(launch: Launch) -> list[dict[str, Any]]:
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
