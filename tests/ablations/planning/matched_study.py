"""A matched study and the runs of both its halves, with accuracies that a test makes up."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ablations.commands.plan import plan_costs
from ablations.planning.plan import Plan, index_of, make_plan
from ablations.planning.run_config import to_plain
from ablations.store.runs import (
    CONFIG,
    INDEX,
    STATUS,
    SUMMARY,
    run_path,
    study_path,
    write_json_atomic,
)
from ablations.studies.config import Study
from ablations.studies.designs.cumulative import CumulativePoints
from ablations.studies.designs.matched import Match
from datamodules.config.data import DataConfig

Top1 = Callable[[str, int], float]  # of a point's step and a seed

MATCHED = Study(
    name="matched",
    trajectory="convnext_nano",
    points=CumulativePoints(match=Match(gmacs="end")),
    data=DataConfig(name="digits", image_size=16),
    seeds=[0, 1, 2],
)
OWN_WIDTHS = replace(MATCHED, name="own_widths", points=CumulativePoints())


def fabricate_matched(
    root: Path, *, matched: Top1, own: Top1 | None, seeds: Sequence[int] = (0, 1, 2)
) -> Plan:
    """Write the index of the matched study, and finished runs of both halves; None: of one."""
    plan = make_plan(replace(MATCHED, seeds=list(seeds)))
    write_json_atomic(
        study_path(root, plan.study.name) / INDEX, index_of(plan, "ablate run matched")
    )
    if own is not None:
        _finish(root, make_plan(replace(OWN_WIDTHS, seeds=list(seeds))), own)
    _finish(root, plan, matched)
    return plan


def _finish(root: Path, plan: Plan, top1: Top1) -> None:
    costs = plan_costs(plan, root)
    for row in plan.rows:
        folder, cost = run_path(root, row.run_id), costs[row.spec]
        write_json_atomic(folder / CONFIG, to_plain(row.config, row.run_id))
        write_json_atomic(folder / STATUS, {"state": "done"})
        found = {"test/top1": top1(row.step, row.seed), "params": cost.params, "gmacs": cost.gmacs}
        write_json_atomic(folder / SUMMARY, found)
