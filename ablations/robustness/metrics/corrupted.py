"""The metrics of a study's networks under corruptions, by point and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablations.compare.words import signed
from ablations.robustness.metrics.divided import (
    Divisor,
    by_alexnet,
    by_reference,
    divided_metrics,
)
from ablations.robustness.metrics.effective import (
    FEWEST_POINTS,
    fit,
    lines_without_each,
)
from ablations.robustness.metrics.errors import Errors, mean_corrupted_error, retained_accuracy
from ablations.robustness.metrics.grid import (
    CorruptionGrid,
    Run,
    error_rate,
    error_rates,
    wrong_by_image,
)
from ablations.robustness.metrics.metric import Metric, by_point, percent
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected
from datamodules.corruptions.names import EXTRA

CLEAN_TOP1, MEAN_CORRUPTED_ERROR = "clean top-1", "mean corrupted error"
RETAINED, EFFECTIVE = "retained accuracy", "effective robustness"
WORST_ACCURACY, WORST = "severity-5 accuracy", 5
FALLING = (
    "The line through the networks does not rise (slope {slope} between logits): among these, "
    "clean accuracy does not predict accuracy under corruptions, and effective robustness says "
    "little more than that accuracy itself."
)
ALEXNET_SET = "sets/imagenet_c"  # the files that AlexNet's errors are of, and no others


@dataclass(frozen=True)
class Rates:
    """The errors of all runs under the corruptions of a grid.

    Attributes:
        errors: by run, under the fifteen.
        clean: by run, on the same images as they are; empty where these were not asked about.
    """

    errors: Mapping[Run, Errors]
    clean: Mapping[Run, float]


@dataclass(frozen=True)
class Corrupted:
    """Metrics under corruptions, and what was left out of them and why, in sentences."""

    metrics: tuple[Metric, ...]
    notes: tuple[str, ...]


def corrupted(found: Collected, grid: CorruptionGrid, *, reference: str, title: str) -> Corrupted:
    """The metrics under the corruptions of a grid.

    Args:
        found: answers.
        grid: the corruptions.
        reference: label of the point that errors are divided by, seed by seed.
        title: of that point, for sentences.
    """
    rates = rates_of(found, grid)
    metrics, notes = [*_clean(found, grid, rates)], list[str]()
    if grid.corruptions:
        metrics.append(_mean(found, grid, rates))
        divisor = _divisor(grid, rates, reference, title, notes)
        metrics += divided_metrics(rates.errors, rates.clean, divisor, len(grid.images))
        metrics += [*_retained(grid, rates), *_effective(grid, rates, notes)]
    metrics += _worst(found, grid)
    return Corrupted(tuple(metric for metric in metrics if metric.values), tuple(notes))


def rates_of(found: Collected, grid: CorruptionGrid) -> Rates:
    """The errors of all runs of a grid."""
    return Rates(
        {run: error_rates(found, grid, run) for run in grid.runs},
        {run: error_rate(found, grid, CLEAN, run) for run in grid.runs} if grid.clean else {},
    )


def _clean(found: Collected, grid: CorruptionGrid, rates: Rates) -> list[Metric]:
    def right(point: str, seed: int) -> NDArray[np.float64]:
        return percent(found.right(CLEAN, point, seed, indices=grid.images))

    values = by_point((run, 100 * (1 - error)) for run, error in rates.clean.items())
    many = len(grid.images)
    return [Metric(CLEAN_TOP1, "%", True, values, many, right, one_condition=True)]


def _mean(found: Collected, grid: CorruptionGrid, rates: Rates) -> Metric:
    def wrong(point: str, seed: int) -> NDArray[np.float64]:
        return 100 * wrong_by_image(found, grid, (point, seed))

    values = by_point((run, mean_corrupted_error(of)) for run, of in rates.errors.items())
    return Metric(MEAN_CORRUPTED_ERROR, "%", False, values, len(grid.images), wrong)


def _divisor(
    grid: CorruptionGrid, rates: Rates, reference: str, title: str, notes: list[str]
) -> Divisor | None:
    """What errors are divided by; None, with a sentence, where there is nothing."""
    if grid.start == ALEXNET_SET:
        return by_alexnet(grid, notes)
    if not grid.seeds(reference):
        notes.append(
            f"Errors are divided by those of {title}, which has not answered all of these: no mCE."
        )
        return None
    seeds = grid.seeds(reference)
    errors = {seed: rates.errors[reference, seed] for seed in seeds}
    clean = {s: rates.clean[reference, s] for s in seeds if (reference, s) in rates.clean}
    return by_reference(errors, clean, images=len(grid.images), title=title, notes=notes)


def _retained(grid: CorruptionGrid, rates: Rates) -> list[Metric]:
    values = by_point(
        (run, retained_accuracy(rates.errors[run], clean))
        for run, clean in rates.clean.items()
        if clean < 1
    )
    return [Metric(RETAINED, "%", True, values, len(grid.images))]


def _effective(grid: CorruptionGrid, rates: Rates, notes: list[str]) -> list[Metric]:
    """Points of accuracy beyond what the line through all other points predicts."""
    images = len(grid.images)
    shares = accuracy_pairs(rates)
    pairs = mean_pairs(shares)
    lines, whole = lines_without_each(pairs, images=images), fit(pairs, images=images)
    if not lines:
        if rates.clean:
            notes.append(
                f"Effective robustness takes {FEWEST_POINTS} networks of different clean accuracy."
            )
        return []
    if whole is not None and whole.slope <= 0:
        notes.append(FALLING.format(slope=signed(whole.slope)))
    values = by_point(
        (run, 100 * (corrupt - lines[run[0]].predict(clean, images=images)))
        for run, (clean, corrupt) in shares.items()
        if run[0] in lines
    )
    return [Metric(EFFECTIVE, "points", True, values, images)]


def accuracy_pairs(rates: Rates) -> dict[Run, tuple[float, float]]:
    """By run, the shares of right answers on clean images and under corruptions."""
    return {
        run: (1 - clean, 1 - mean_corrupted_error(rates.errors[run]) / 100)
        for run, clean in rates.clean.items()
    }


def mean_pairs(shares: Mapping[Run, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The same by point, means over seeds."""
    grouped: dict[str, list[tuple[float, float]]] = {}
    for (point, _), pair in shares.items():
        grouped.setdefault(point, []).append(pair)
    return {
        point: (float(np.mean([c for c, _ in of])), float(np.mean([d for _, d in of])))
        for point, of in grouped.items()
    }


def _worst(found: Collected, grid: CorruptionGrid) -> Sequence[Metric]:
    """Accuracy at the highest severity under all nineteen (arXiv 2407.08972, figure 2b)."""
    if not set(grid.extra) >= set(EXTRA) or WORST not in grid.severities:
        return ()
    keys = [grid.key(name, WORST) for name in (*grid.corruptions, *grid.extra)]

    def right(point: str, seed: int) -> NDArray[np.float64]:
        each = [found.right(key, point, seed, indices=grid.images) for key in keys]
        return percent(np.mean(each, axis=0))

    values = by_point((run, float(right(*run).mean())) for run in grid.runs)
    return [Metric(WORST_ACCURACY, "%", True, values, len(grid.images), right)]
