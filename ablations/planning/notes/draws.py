"""What a plan says of points that were drawn: how many, what is done, and how far it leads."""

from collections.abc import Mapping
from math import sqrt
from pathlib import Path

from ablations.planning.plan import Plan
from ablations.statistics.moderated import Values, study_variance
from ablations.statistics.paired import CONFIDENCE
from ablations.store.runs import RunFolder, run_path
from ablations.studies.points import study_design
from lit_models.training.metrics import TEST_TOP1


def draw_notes(plan: Plan, found: Mapping[tuple[str, int], str], runs_root: Path) -> list[str]:
    """Sentences on a study whose points were drawn; none for other studies.

    `found` is the state of every (point, seed).
    """
    design = study_design(plan.study)
    if not design.drawn:
        return []
    runs = plan.unique()
    done = {row.run_id for row in plan.rows if found[row.point, row.seed] == "done"}
    known = f", of which {len(done)} are done" if done else ""
    text = f"{design.drawn}: {len(plan.networks)} networks, {len(runs)} runs{known}."
    orders = len(design.orders) - 1
    expected = _expected(orders, _top1(plan, done, runs_root)) if orders > 0 else None
    return [text, expected] if expected else [text]


def _expected(orders: int, values: Values) -> str | None:
    """How well the mean over orders will tell a step's value; None where no noise is known.

    A step's difference in one order is of two runs, and orders have few runs in common.
    """
    noise = study_variance(values)
    if noise is None or not noise.pooled_std:
        return None
    from scipy.special import stdtrit

    std, degrees = noise.pooled_std, noise.pooled_degrees
    half = float(stdtrit(degrees, 0.5 + CONFIDENCE / 2)) * std * sqrt(2 / orders)
    return (
        f"A run has a std of {std:.2f} points over seeds ({degrees} degrees of freedom, from the "
        f"runs here that are done). That alone leaves a step's mean over {orders} orders to "
        f"±{half:.2f} points ({CONFIDENCE:.0%}); how much a step's value differs between orders "
        "comes on top, and a regression on all runs takes off."
    )


def _top1(plan: Plan, done: set[str], runs_root: Path) -> Values:
    """Top-1 in percent of the finished runs, by point and seed."""
    values: dict[str, dict[int, float]] = {}
    for row in plan.rows:
        if row.run_id not in done:
            continue
        top1 = (RunFolder(run_path(runs_root, row.run_id)).summary() or {}).get(TEST_TOP1)
        if isinstance(top1, int | float):
            values.setdefault(row.point, {})[row.seed] = float(top1)
    return values
