"""`ablate run`: train what is not done."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ablations.commands.launch import Ended, Launch, train, write_index
from ablations.commands.parsing import (
    add_name,
    add_overrides,
    add_places,
    add_study,
    at_least,
    typed,
)
from ablations.commands.plan import read_study, replacing, stage_notes
from ablations.grid.preflight import check_writable
from ablations.planning.plan import Plan, PlannedRun
from ablations.planning.stages import next_stage, planned
from ablations.process.output import lasting
from ablations.store.finished import look_at
from ablations.store.hints import Typed
from ablations.store.index_file import replaced_by
from ablations.store.runs import RunFolder, run_path, runs_root
from ablations.studies.config import Study
from ablations.studies.robustness.written import ROBUSTNESS

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
    root = runs_root(options.runs)
    plan: Plan | None = planned(study, root)
    with lasting():  # a grid of days does not end because nobody reads what it says
        code = 0
        while plan is not None:
            code, plan = run_plan(plan, root, typed=typed(options))
        if code == 0 and study.robustness.after_run:
            return _robustness(study, options)
        return code


def _robustness(study: Study, options: argparse.Namespace) -> int:
    """What `ablate robustness` does where it is typed for the study; its exit code."""
    keys = [text for text in options.overrides if text.startswith(ROBUSTNESS)]
    said = {"accelerator": study.hardware.accelerator, "threads": study.hardware.threads}
    keys += [f"hardware.{key}={value}" for key, value in said.items() if value is not None]
    asked = options.root.parse_args(typed(options).words(ROBUSTNESS, study.name, *keys))
    code: int = asked.command(asked)
    return code


def run_plan(plan: Plan, root: Path, *, typed: Typed) -> tuple[int, Plan | None]:
    """Train what is not done of a plan, showing progress.

    Returns the exit code of `ablate run`, and the plan of the next stage where the seeds follow a
    rule that asks for more.
    """
    from ablations.terminal.tables import make_console

    unique = plan.unique()
    gone = replaced_by(plan.study.name, unique, root)
    launch = Launch(plan, root, typed, make_console(), gone)
    check_writable(root)
    if gone is not None and gone.runs:
        launch.say(f"note: {replacing(gone, typed)}")
    looks = look_at(unique, root)
    for sentence in stage_notes(plan, {name: look.state for name, look in looks.items()}):
        launch.say(sentence)
    left = [row for name, row in unique.items() if looks[name].state != "done"]
    if not left:
        write_index(launch)
        return _conclude(launch, [], Ended())
    return _conclude(launch, left, train(launch, left))


def _conclude(launch: Launch, left: Sequence[PlannedRun], ended: Ended) -> tuple[int, Plan | None]:
    """Say what became of the runs that were left; what `run_plan` returns."""
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
        return STOPPED if ended.stopped else FAILURE, None
    following = next_stage(plan, root)
    if following is not None and ended.stopped:
        launch.say(f"{typed.again('run')} goes on with more seeds, as the rule asks")
        return STOPPED, None
    if following is not None:
        return 0, following
    for sentence in stage_notes(planned(plan.study, root), {}) if plan.stage is not None else ():
        launch.say(sentence)
    report, board = typed.hint("report", name), typed.hint("board", name)
    launch.say(f"next: {report} compares them, {board} opens TensorBoard")
    return 0, None


def _failure(row: PlannedRun, folder: RunFolder, message: str | None) -> str:
    from ablations.store.runs import LOG
    from ablations.terminal.progress import last_lines

    log = "\n".join(f"    {line}" for line in last_lines(folder.path).splitlines())
    head = f"{row.point} seed {row.seed} failed: {message}"
    return f"\n{head}\n  the end of {folder.path / LOG}:\n{log}\n"
