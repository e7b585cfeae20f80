"""The plan of a study whose seeds follow a rule: which stage it is in, from finished runs alone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.planning.plan import Plan, make_plan
from ablations.statistics.seeds.rule import Stage, stage_of
from ablations.store.finished_values import finished_values
from ablations.store.index_file import seeds_rule
from ablations.studies.config import Study
from ablations.studies.seeds import SeedsConfig


def planned(study: Study, runs_root: Path) -> Plan:
    """The plan with as many seeds as the study's rule asks for by now, and the stage it is in.

    Of a study that lists its seeds it is `make_plan`'s. Designs that give their points seeds of
    their own have no rule, see `ablations.studies.points.check_points`.
    """
    rule = study.seeds_rule.rule
    if rule is None:
        return make_plan(study)
    every = make_plan(replace(study, seeds=list(range(rule.most)), seeds_rule=SeedsConfig()))
    stage = stage_of(rule, finished_values(every.places(), runs_root))
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
