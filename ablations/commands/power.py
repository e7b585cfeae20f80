"""`ablate power`: which differences a number of seeds can show, before anything is trained."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ablations.commands.parsing import (
    add_json,
    add_name,
    add_overrides,
    add_places,
    add_study,
    typed,
)
from ablations.commands.plan import read_study
from ablations.files.plain_text import as_json
from ablations.planning.plan import Plan, make_plan
from ablations.statistics.moderated import StudyVariance, study_variance
from ablations.statistics.seeds.power import (
    POWER,
    Comparison,
    Detected,
    PowerRow,
    comparison_of,
    detected,
    power_row,
)
from ablations.statistics.seeds.power_sentences import detect_sentence, noise_sentences
from ablations.statistics.study import plain_variance
from ablations.store.finished_values import finished_values
from ablations.store.runs import runs_root
from ablations.studies.config import Study
from ablations.studies.points import study_design
from ablations.studies.seeds import SeedsConfig
from lit_models.training.metrics import FIT_SECONDS

SEEDS = range(2, 17)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate power`."""
    add_study(parser)
    add_overrides(parser)
    add_name(parser)
    add_places(parser)
    about = "standard deviation of a run's top-1 over seeds, in points; default: of finished runs"
    parser.add_argument("--sd", type=_points, metavar="POINTS", help=about)
    about = "the fewest seeds that show a difference of so many points"
    parser.add_argument("--detect", type=_points, metavar="POINTS", help=about)
    add_json(parser)


def command(options: argparse.Namespace) -> int:
    """Print a table, a row a number of seeds; `--json` prints one object."""
    root, study = runs_root(options.runs), read_study(options)
    plan = _plan_of(study)
    noise = _noise(plan, root)
    if noise is None and options.sd is None:
        run = typed(options).again("run")
        raise ValueError(
            f"study {study.name} has no point with two finished runs in {root}, so nothing says "
            f"how far its seeds scatter: give the standard deviation of a run, as --sd 0.5, or "
            f"train two seeds first ({run} with seeds=[0,1])"
        )
    points, family = len({row.spec for row in plan.rows}), _family(plan)
    if not family or points < 2:
        raise ValueError(f"study {study.name} compares no points: there is nothing to detect")
    if options.sd is not None or noise is None:
        noise, comparison = None, Comparison(options.sd, points, family)
    else:
        comparison = comparison_of(noise, points=points, family=family)
    seconds = _seconds(plan, root)
    rows = [power_row(comparison, seeds, seconds=seconds) for seeds in SEEDS]
    detect = None if options.detect is None else detected(comparison, options.detect)
    if options.json:
        print(as_json(_plain(study, comparison, noise, rows, detect)))
        return 0
    notes = [*noise_sentences(comparison, noise, timed=seconds is not None)]
    notes += [detect_sentence(detect, comparison)] if detect is not None else []
    _print(study, rows, notes)
    return 0


def _points(text: str) -> float:
    """The type of an option: a number of points above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 100:  # nor what is no number
        raise argparse.ArgumentTypeError("give points of top-1, above 0 and at most 100")
    return found


def _plan_of(study: Study) -> Plan:
    """The plan with every seed of the table, and those of the study: finished runs may have any."""
    if study_design(study).own_seeds:
        raise ValueError(
            f"study {study.name}: points.kind={study.points.kind} gives its points seeds of their "
            "own, so no number of seeds says what it can show; `ablate plan` says what its runs do"
        )
    seeds = sorted({*range(SEEDS[-1]), *study.seeds})
    return make_plan(replace(study, seeds=seeds, seeds_rule=SeedsConfig()))


def _noise(plan: Plan, root: Path) -> StudyVariance | None:
    values = finished_values(plan.places(), root)
    return study_variance({point: by for point, by in values.items() if by})


def _family(plan: Plan) -> int:
    """Differences in the study's table: those of points that are compared with another."""
    design = study_design(plan.study)
    points = [point for point in design.points() if point.label in plan.networks]
    return sum(design.reference(point, points) is not None for point in points)


def _seconds(plan: Plan, root: Path) -> float | None:
    """Training seconds of one seed of all points, from finished runs; None: one has none."""
    found = finished_values(plan.places(), root, key=FIT_SECONDS)
    means = [sum(by.values()) / len(by) for by in found.values() if by]
    return sum(means) if means and len(means) == len(found) else None


def _plain(
    study: Study,
    comparison: Comparison,
    noise: StudyVariance | None,
    rows: Sequence[PowerRow],
    detect: Detected | None,
) -> dict[str, Any]:
    """What `--json` prints; `noise` is null where --sd gave the deviation."""
    return {
        "study": study.name,
        "std": comparison.std,
        "points": comparison.points,
        "family": comparison.family,
        "power": POWER,
        "noise": None if noise is None else plain_variance(noise),
        "rows": [asdict(row) for row in rows],
        "detect": None if detect is None else asdict(detect),
    }


def _print(study: Study, rows: Sequence[PowerRow], notes: Sequence[str]) -> None:
    from ablations.terminal.power_table import power_table
    from ablations.terminal.tables import make_console, say

    console = make_console()
    console.print(power_table(rows, title=study.name, width=console.width))
    for note in notes:
        say(console, note)
