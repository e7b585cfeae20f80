"""How steady a study's networks are along sequences, by point and seed: FP, mFR, T5D, mT5D."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ablations.files.plain_text import read_json
from ablations.files.shapes import Object, mismatch
from ablations.robustness.metrics.accuracy import flip_shares, perturbations, ranking_distances
from ablations.robustness.metrics.alexnet import FLIP_PROBABILITY
from ablations.robustness.metrics.divided import BY_ALEXNET, BY_REFERENCE
from ablations.robustness.metrics.metric import Metric, by_point
from ablations.robustness.results.collected import Collected
from datamodules.perturbations.names import PERTURBATIONS

FP, MFR = "flip probability", "mFR"
T5D, MT5D = "top-5 distance", "mT5D"
ALEXNET_SEQUENCES = "sets/imagenet_p"  # the files that AlexNet's flip probabilities are of
Run = tuple[str, int]  # point, seed
Measure = Callable[..., NDArray[np.float64]]  # of found, key, point, seed and indices


@dataclass(frozen=True)
class _Means:
    """A measure of sequences: its mean over sets of them, and by set and run."""

    whole: Metric
    each: Mapping[str, Mapping[Run, float]]


def steadiness(
    found: Collected,
    start: str,
    *,
    reference: str,
    title: str,
    notes: list[str],
    alexnet_t5d: str | None = None,
) -> list[Metric]:
    """The metrics of the sequences whose keys begin with `start`.

    Args:
        found: answers.
        start: `perturbations`, or the files of a benchmark.
        reference: label of the point whose numbers divide, seed by seed.
        title: of that point.
        notes: get a sentence for what is left out.
        alexnet_t5d: a JSON file with AlexNet's top-5 distances by sequence, which are published
            nowhere; for ImageNet-P's files.
    """
    keys = perturbations(found, start)
    if not keys:
        return []
    if len(keys) < len(PERTURBATIONS):
        notes.append(f"{len(keys)} of the {len(PERTURBATIONS)} sequences were asked about.")
    flipped = _means(found, keys, FP, flip_shares, unit="share", decimals=4)
    whole = start == ALEXNET_SEQUENCES and len(keys) == len(PERTURBATIONS)
    if whole:
        metrics = [flipped.whole, _by_alexnet(flipped, MFR, FLIP_PROBABILITY)]
    else:
        metrics = [flipped.whole, *_by_reference(flipped, MFR, reference, title, notes)]
    try:
        moved = _means(found, keys, T5D, ranking_distances, unit="", decimals=3)
    except ValueError as error:  # too few classes
        text = str(error)
        notes.append(f"{text[:1].upper()}{text[1:]}.")
        return metrics
    metrics.append(moved.whole)
    distances = _distances(alexnet_t5d, notes) if whole and alexnet_t5d else None
    if distances is not None:
        return [*metrics, _by_alexnet(moved, MT5D, distances)]
    return [*metrics, *_by_reference(moved, MT5D, reference, title, notes)]


def _distances(file: str, notes: list[str]) -> Mapping[str, float] | None:
    """AlexNet's top-5 distances; None, with a sentence, where the file does not say them."""
    path = Path(file).expanduser()
    try:
        said = read_json(path)
    except (ValueError, OSError) as error:
        notes.append(f"robustness.alexnet_t5d: {error}.")
        return None
    wrong = mismatch(said, Object(dict.fromkeys(PERTURBATIONS, float)), "")
    if wrong is None and min(said.values()) <= 0:
        wrong = "a distance is not above 0"
    if wrong is not None:
        notes.append(f"robustness.alexnet_t5d: {path}: {wrong}; no mT5D by AlexNet.")
        return None
    found: Mapping[str, float] = said
    return found


def _means(
    found: Collected,
    keys: tuple[str, ...],
    name: str,
    measure: Measure,
    *,
    unit: str,
    decimals: int,
) -> _Means:
    images = found.shared(*keys)
    each = {
        run: {key: measure(found, key, *run, indices=images) for key in keys}
        for run in found.runs(*keys)
    }

    def by_image(point: str, seed: int) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = np.mean(list(each[point, seed].values()), axis=0)
        return mean

    values = by_point((run, float(by_image(*run).mean())) for run in each)
    whole = Metric(name, unit, False, values, len(images), by_image, decimals=decimals)
    by_key = {key: {run: float(of[key].mean()) for run, of in each.items()} for key in keys}
    return _Means(whole, by_key)


def _by_alexnet(means: _Means, name: str, alexnet: Mapping[str, float]) -> Metric:
    divisors = {key: alexnet[key.rpartition("/")[2]] for key in means.each}
    runs = next(iter(means.each.values()))
    ratios = {
        run: 100 * float(np.mean([means.each[key][run] / of for key, of in divisors.items()]))
        for run in runs
    }
    named = f"{name} ({BY_ALEXNET})"
    return Metric(named, "%", False, by_point(ratios.items()), means.whole.images)


def _by_reference(
    means: _Means, name: str, reference: str, title: str, notes: list[str]
) -> list[Metric]:
    """The mean over sequences of the ratio to the reference with the same seed, in percent."""
    runs = tuple(next(iter(means.each.values())))
    seeds = [seed for point, seed in runs if point == reference]
    if not seeds:
        return []
    steady = [key for key, of in means.each.items() if any(of[reference, s] <= 0 for s in seeds)]
    notes += [
        f"{title} never changes its answer under {key.rpartition('/')[2]}: it is left out of "
        f"{name} for every step."
        for key in steady
    ]
    kept = [of for key, of in means.each.items() if key not in steady]
    ratios = {
        run: 100 * float(np.mean([of[run] / of[reference, run[1]] for of in kept]))
        for run in runs
        if run[1] in seeds and kept
    }
    named = f"{name} ({BY_REFERENCE})"
    values = by_point(ratios.items())
    return [Metric(named, "%", False, values, means.whole.images, divided=True)]
