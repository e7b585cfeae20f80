"""The plan of a study whose seeds follow a rule: which stage it is in, from finished runs alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.planning.finished_values import finished_values, place_of
from ablations.planning.plan import Plan, make_plan
from ablations.statistics.seeds_rule import Stage, stage_of
from ablations.store.index_file import seeds_rule
from ablations.studies.config import Study
from ablations.studies.seeds import SeedsConfig


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
    stage = stage_of(rule, finished_values(map(place_of, every.rows), runs_root))
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
    return stage_of(rule, finished_values(rows, runs_root))


def have_seeds(plan: Plan, seeds: int) -> bool:
    """Whether every point has so many: a design may give its points seeds of their own."""
    return all(count >= seeds for count in Counter(row.point for row in plan.rows).values())


def _check_seeds(plan: Plan, most: int) -> None:
    if not have_seeds(plan, most):
        raise ValueError(
            f"study {plan.study.name}: a rule for seeds needs points that all have the same ones, "
            f"but points.kind={plan.study.points.kind} gives its points seeds of their own: list "
            "the seeds, as seeds: [0, 1, 2]"
        )
