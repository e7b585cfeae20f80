"""How long a study will take, from a few training steps of its networks measured here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ablations.grid.measure import bench_of, measure
from ablations.planning.cost import Cost, setting_of
from ablations.planning.plan import Plan, PlannedRun
from ablations.store.finished import look_at
from ablations.store.runs import RunFolder, run_path
from datamodules.catalog.resolved import Data
from datamodules.catalog.sizes import sizes
from lit_models.families.reference import Network
from lit_models.training.metrics import FIT_SECONDS

_FORWARD_SHARE = 1 / 3  # of a training step's time: what an image of val costs


@dataclass(frozen=True)
class Estimate:
    """Seconds of each run that is not done, by run id, and a sentence about all of them."""

    seconds: Mapping[str, float]
    sentence: str


def estimate(plan: Plan, costs: Mapping[Network, Cost], *, runs_root: Path) -> Estimate:
    """The time of what is not done: measured now, or taken from runs with other seeds."""
    from ablations.terminal.tables import seconds_text

    todo, known = _split(plan, runs_root)
    if not todo:
        return Estimate({}, "Nothing is left to train.")
    images, setting = _images(plan.data), setting_of(plan.data)
    if images is None or setting is None or not costs:
        return Estimate({}, "No estimate of the time: the number of images is not known here.")
    bench = bench_of(plan.study.recipe, plan.study.hardware, setting)
    measured = measure({r.spec: costs[r.spec].gmacs for r in todo if r.spec not in known}, bench)
    seconds = {}
    for row in todo:
        if row.spec in known:
            seconds[row.run_id] = known[row.spec]
        else:
            guess = _interpolate(costs[row.spec].gmacs, measured, costs)
            per_image = measured.get(row.spec, guess)
            seconds[row.run_id] = per_image * sum(images) * plan.study.recipe.epochs
    total = max(*seconds.values(), sum(seconds.values()) / bench.workers)
    kind = f"{len(measured)} networks measured for a few steps on synthetic images ({bench.device})"
    source = " and runs with other seeds" if known else ""
    return Estimate(
        seconds,
        f"About {seconds_text(total)} for {len(seconds)} runs, {bench.workers} at a time. "
        f"An estimate from {kind}{source}: reading images, augmentation and start-up come on top.",
    )


def _split(plan: Plan, runs_root: Path) -> tuple[list[PlannedRun], dict[Network, float]]:
    """Runs that are not done, and the measured seconds of networks that another seed has done."""
    unique, known = plan.unique(), dict[Network, float]()
    looks = look_at(unique, runs_root)
    todo = [row for name, row in unique.items() if looks[name].state != "done"]
    for name, row in reversed(unique.items()):  # the last seed's
        if looks[name].state == "done" and row.spec not in known:
            summary = RunFolder(run_path(runs_root, name)).summary() or {}
            if summary.get(FIT_SECONDS) is not None:
                known[row.spec] = float(summary[FIT_SECONDS])
    return todo, known


def _images(data: Data) -> tuple[float, float] | None:
    """Images of one epoch: in training, and in validation as training images of equal cost."""
    found = sizes(data)
    return None if found is None else (found.train, found.val * _FORWARD_SHARE)


def _interpolate(
    gmacs: float, measured: Mapping[Network, float], costs: Mapping[Network, Cost]
) -> float:
    """Seconds per image of a network between two measured ones, linear in GMACs.

    Of one beyond the dearest: in proportion to it.
    """
    import numpy as np

    points = sorted((costs[spec].gmacs, seconds) for spec, seconds in measured.items())
    x, y = zip(*points, strict=True)
    return float(np.interp(gmacs, x, y) * max(1.0, gmacs / x[-1]))
