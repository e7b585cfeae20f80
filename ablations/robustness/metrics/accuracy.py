"""Accuracies and sequences of single conditions, by point and seed."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ablations.robustness.conditions.arrays import TOP5
from ablations.robustness.metrics.sequences import flips, top5_distances
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.kept import Indices
from datamodules.perturbations.names import NOISE, PERTURBATIONS

BySeed = Mapping[str, Mapping[int, float]]  # by point and seed


def accuracy(found: Collected, key: str) -> BySeed:
    """Top-1 in percent under a condition, on the images that all runs have."""
    return {
        point: {seed: 100 * float(found.right(key, point, seed).mean()) for seed in seeds}
        for point in found.points
        if (seeds := found.seeds(point, key))
    }


def perturbations(found: Collected, start: str) -> tuple[str, ...]:
    """The sequences that every network answered that answered any, in the benchmark's order."""
    keys = [f"{start}/{name}" for name in PERTURBATIONS if f"{start}/{name}" in found.kept]
    most = max((len(found.runs(key)) for key in keys), default=0)
    return tuple(key for key in keys if len(found.runs(key)) == most)


def flip_shares(
    found: Collected, key: str, point: str, seed: int, *, indices: Indices | None = None
) -> NDArray[np.float64]:
    """(N,) by sequence, the share of pairs of frames whose class changes."""
    ranked = found.arrays(key, point, seed, indices=indices)[TOP5]
    return flips(ranked[:, :, 0], to_first=_is_noise(key))


def ranking_distances(
    found: Collected, key: str, point: str, seed: int, *, indices: Indices | None = None
) -> NDArray[np.float64]:
    """(N,) by sequence, the mean top-5 distance. Raises ValueError of fewer than six classes."""
    ranked = found.arrays(key, point, seed, indices=indices)[TOP5]
    # as far as answers and labels know of classes
    last = max(int(ranked.max()), int(found.kept[key].shared.labels.max()))
    return top5_distances(ranked, to_first=_is_noise(key), classes=last + 1)


def flip_probability(found: Collected, key: str) -> BySeed:
    """The mean share of flips along sequences, in [0, 1]; lower is better."""
    return {
        point: {seed: float(flip_shares(found, key, point, seed).mean()) for seed in seeds}
        for point in found.points
        if (seeds := found.seeds(point, key))
    }


def _is_noise(key: str) -> bool:
    return key.rpartition("/")[2] in NOISE
