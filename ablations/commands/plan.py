"""`ablate plan`: every run of a study, what it costs and how far it is. Trains nothing."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ablations.commands.parsing import (
    add_json,
    add_name,
    add_overrides,
    add_places,
    add_study,
    typed,
)
from ablations.files.plain_text import as_json
from ablations.grid.calibrate import estimate
from ablations.planning.cost import Cost, computed_costs, setting_of
from ablations.planning.counts import count_points
from ablations.planning.matching import check_counted, match_notes
from ablations.planning.notes.changed_files import changed_files
from ablations.planning.notes.draws import draw_notes
from ablations.planning.notes.scales import stuck_scales
from ablations.planning.notes.starts import start_warnings
from ablations.planning.plan import ILLEGAL, Plan, states
from ablations.planning.stages import planned
from ablations.statistics.seeds.rule_sentences import stage_sentences
from ablations.store.hints import Typed
from ablations.store.index_file import Replaced, indexed_studies, replaced_by, require_index
from ablations.store.runs import check_study_name, runs_root
from ablations.studies.config import Study
from ablations.studies.networks import waste_notes, wasted
from ablations.studies.points import study_design
from ablations.studies.robustness.said import planned_sentence
from ablations.studies.scope import names
from ablations.studies.study_file import read_source, resolve_study
from ablations.studies.yaml_source import YamlSource
from datamodules.catalog.freshness import freshness_note
from datamodules.catalog.resolved import Data, describe_reading, fetchable, missing
from datamodules.catalog.sizes import Sizes, describe, sizes
from lit_models.families.reference import Network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate plan`."""
    add_study(parser)
    add_overrides(parser)
    add_name(parser)
    add_places(parser)
    parser.add_argument(
        "--no-time", action="store_true", help="skip the measured estimate of the time it takes"
    )
    add_json(parser)


def command(options: argparse.Namespace) -> int:
    """Print the plan of a study as a table or as JSON."""
    root = runs_root(options.runs)
    plan = planned(read_study(options), root)
    name = plan.study.name
    costs = plan_costs(plan, root, quick=options.no_time)
    found = states(plan, root)
    seconds: Mapping[str, float] = {}
    images = sizes(plan.data)
    stuck = stuck_scales(plan, images.train if images else None)
    notes = [*data_notes(plan.data, images), *kernel_notes(plan)]
    by_run = {row.run_id: found[row.point, row.seed] for row in plan.rows}
    notes += stage_notes(plan, by_run)
    notes += match_notes(plan.match) if plan.match is not None else []
    notes += [*changed_files(plan, root), *draw_notes(plan, found, root)]
    asked = planned_sentence(plan.study.robustness, ask=typed(options).hint("robustness", name))
    notes += [asked] if asked is not None else []
    starts = start_warnings(plan)
    notes += [*(scale.sentence for scale in stuck), *(f"{text}." for text in starts.values())]
    if not options.no_time:
        guess = estimate(plan, costs, runs_root=root)
        seconds, notes = guess.seconds, [*notes, guess.sentence]
    warned = {**starts, **{point: scale.sentence for scale in stuck for point in scale.points}}
    rows = plan_rows(plan, costs=costs, found=found, seconds=seconds, warned=warned)
    if options.json:
        print(as_json(rows))
        return 0
    gone = replaced_by(plan.study.name, plan.unique(), root)
    if gone is not None and gone.runs:
        notes.append(replacing(gone, typed(options)))
    lacking = missing(plan.data)
    if lacking is not None:
        run = typed(options).again("run")
        how = f"{run} downloads it. " if fetchable(plan.data) else ""
        notes.append(f"Data is missing on this machine. {how}{lacking}")
    _print(plan.study, rows, notes)
    return 0


def read_study(options: argparse.Namespace) -> Study:
    """The study that a command names, as it says; names are checked in the whole file."""
    source = read_source(options.file)
    _refuse_other_names(options.study, source, runs_root(options.runs))
    study = resolve_study(source, options.study, options.overrides)
    return study if options.name is None else replace(study, name=_free(options.name, source))


def _refuse_other_names(study: str, source: YamlSource, root: Path) -> None:
    """Raise ValueError for a name that --as gave to a study: it does not say what to run."""
    if study in names(source, "studies") or study not in indexed_studies(root):
        return
    try:
        command = require_index(study, root, first="")["command"]
    except ValueError as error:
        said = str(error).partition(";")[0]
        raise ValueError(
            f"{study!r} is no study, and what was kept under that name cannot be read: {said}; "
            f"`ablate run STUDY --as {study}` writes it again"
        ) from None
    raise ValueError(f"{study!r} is no study, but what `{command}` is kept as: give that command")


def _free(name: str, source: YamlSource) -> str:
    """A name for --as, which is no study's."""
    if check_study_name(name) in names(source, "studies"):
        raise ValueError(f"--as {name}: there is a study of that name; choose another")
    return name


def replacing(gone: Replaced, typed: Typed) -> str:
    """What `ablate run` says where a study's report loses runs."""
    runs = "1 run of it leaves" if gone.runs == 1 else f"{gone.runs} runs of it leave"
    return (
        f"This takes the place of `{gone.command}`: {runs} the report of "
        f"{typed.name or typed.study}, but not the runs folder. "
        f"{typed.again('run', name='NAME')} keeps both reports."
    )


def plan_costs(plan: Plan, root: Path, *, quick: bool = False) -> Mapping[Network, Cost]:
    """Parameters and GMACs of every network; empty when only the absent data knows its classes.

    With `quick` those of the many networks of a study that draws them are computed, not counted.
    Raises ValueError where the counter does not find a matched network at its budget.
    """
    setting = setting_of(plan.data)
    if setting is None:
        return {}
    if quick and study_design(plan.study).drawn:
        computed = computed_costs({*plan.networks.values()}, setting)
        if computed is not None:
            return computed
    costs = count_points(plan.networks, plan.sides.values(), setting, runs_root=root)
    if plan.match is not None:
        check_counted(plan.match, costs)
    return costs


def data_notes(data: Data, found: Sizes | None) -> list[str]:
    """What the data is, what reads it, and what somebody should know about that."""
    about = [describe(data, found), describe_reading(data), freshness_note(data)]
    return [sentence for sentence in about if sentence is not None]


def kernel_notes(plan: Plan) -> list[str]:
    """What the plan's networks waste on kernels that are larger than sense, if anything."""
    found = waste_notes(wasted(plan.networks, plan.sides))
    return [f"Larger than sense: {note}." for note in found]


def stage_notes(plan: Plan, found: Mapping[str, str]) -> tuple[str, ...]:
    """Where the seeds follow a rule, what it did and will do; `found` has states by run id."""
    if plan.stage is None:
        return ()
    failed = sum(found[name] == "failed" for name in plan.unique() if name in found)
    return stage_sentences(plan.stage, failed=failed)


def plan_rows(
    plan: Plan,
    *,
    costs: Mapping[Network, Cost],
    found: Mapping[tuple[str, int], str],
    seconds: Mapping[str, float],
    warned: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """What `--json` prints: one object a run, in the order of the design.

    run_id, point, step, steps, seed, params (parameters), gmacs (multiply-adds of one image / 1e9),
    state (new, done, failed, running, interrupted or stale), seconds (estimated, null with
    --no-time and for what is done), reason (null) and warning (null, or why the network of a point
    cannot learn as it is meant to; `warned` has it by point). Points that are no network come with
    state "illegal", their reason, and null for everything that only a network has.
    """
    rows: list[dict[str, Any]] = []
    for row in plan.rows:
        cost = costs.get(row.spec)
        rows.append(
            {
                "run_id": row.run_id,
                "point": row.point,
                "step": row.step,
                "steps": list(row.steps),
                "seed": row.seed,
                "params": cost.params if cost else None,
                "gmacs": cost.gmacs if cost else None,
                "state": found[row.point, row.seed],
                "seconds": seconds.get(row.run_id),
                "reason": None,
                "warning": warned.get(row.point),
            }
        )
    nothing = dict.fromkeys(("run_id", "seed", "params", "gmacs", "seconds", "warning"))
    rows += [{**nothing, **vars(p), "steps": list(p.steps), "state": ILLEGAL} for p in plan.illegal]
    return sorted(rows, key=lambda row: str(row["point"]))


def _print(study: Study, rows: list[dict[str, Any]], notes: list[str]) -> None:
    from ablations.terminal.tables import make_console, plan_table, say

    console = make_console()
    title = f"{study.name}: {study.title or study_design(study).title}"
    console.print(plan_table(rows, title=title, width=console.width))
    for row in rows:
        if row["state"] == ILLEGAL:
            say(console, f"{row['point']} is no network: {row['reason']}")
    for note in notes:
        say(console, note)
