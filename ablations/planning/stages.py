"""The plan of a study whose seeds follow a rule: which stage it is in, from finished runs alone."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.planning.plan import Plan, PlannedRun, make_plan
from ablations.statistics.seeds_rule import Stage, stage_of
from ablations.store.finished import look_at
from ablations.store.index_file import seeds_rule
from ablations.store.runs import RunFolder, run_path
from ablations.studies.config import Study
from ablations.studies.seeds import SeedsConfig
from lit_models.training.metrics import TEST_TOP1

Rows = Iterable[tuple[str, int, str]]  # point, seed, run id


def planned(study: Study, runs_root: Path) -> Plan:
    """The plan with as many seeds as the study's rule asks for by now, and the stage it is in.

    Of a study that lists its seeds it is `make_plan`'s. Raises what that raises, and ValueError for
    a design that gives its points seeds of their own.
    """
    rule = study.seeds_rule.rule
    if rule is None:
        return make_plan(study)
    every = make_plan(replace(study, seeds=list(range(rule.most)), seeds_rule=SeedsConfig()))
    _check_seeds(every, rule.most)
    stage = stage_of(rule, finished_top1(map(_named, every.rows), runs_root))
    rows = tuple(row for row in every.rows if row.seed < stage.seeds)
    return replace(every, study=study, rows=rows, stage=stage)


def next_stage(plan: Plan, runs_root: Path) -> Plan | None:
    """The plan with the seeds that the rule asks for after this one; None: it asks for no more."""
    if plan.stage is None:
        return None
    following = planned(plan.study, runs_root)
    assert following.stage is not None
    return following if following.stage.seeds > plan.stage.seeds else None


def indexed_stage(index: Mapping[str, Any], runs_root: Path) -> Stage | None:
    """The stage of what a study's last `ablate run` trained; None where seeds were listed."""
    rule = seeds_rule(index)
    if rule is None:
        return None
    rows = ((row["point"], row["seed"], row["run_id"]) for row in index["rows"])
    return stage_of(rule, finished_top1(rows, runs_root))


def finished_top1(rows: Rows, runs_root: Path) -> dict[str, dict[int, float]]:
    """Test top-1 of the finished runs in percent, by point and seed; a point may have none.

    Points that are the same runs are one: their scatter counts once.
    """
    runs: dict[str, dict[int, str]] = {}
    for point, seed, run_id in rows:
        runs.setdefault(point, {})[seed] = run_id
    different = {tuple(sorted(by.items())): point for point, by in reversed(runs.items())}
    kept = {point: runs[point] for point in reversed(different.values())}
    looks = look_at({run for by in kept.values() for run in by.values()}, runs_root)
    done = {run for run, look in looks.items() if look.state == "done"}
    return {
        point: {seed: _top1(runs_root, run) for seed, run in by.items() if run in done}
        for point, by in kept.items()
    }


def _check_seeds(plan: Plan, most: int) -> None:
    counts = Counter(row.point for row in plan.rows)
    if any(count < most for count in counts.values()):
        raise ValueError(
            f"study {plan.study.name}: a rule for seeds needs points that all have the same ones, "
            f"but points.kind={plan.study.points.kind} gives its points seeds of their own: list "
            "the seeds, as seeds: [0, 1, 2]"
        )


def _top1(runs_root: Path, run_id: str) -> float:
    summary = RunFolder(run_path(runs_root, run_id)).summary()
    assert summary is not None  # a finished run has one
    return float(summary[TEST_TOP1])


def _named(row: PlannedRun) -> tuple[str, int, str]:
    return row.point, row.seed, row.run_id
