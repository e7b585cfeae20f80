"""Metrics of single conditions: accuracy, attacks, images of other classes."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ablations.robustness.conditions.arrays import CONFIDENCE
from ablations.robustness.metrics.detection import Detection, detection
from ablations.robustness.metrics.metric import Metric, by_point, percent
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected

TOP1, SUCCESS, SUCCESS_OF_RIGHT, LOSS = "top-1", "success rate", "success rate of right", "loss"
AUPR, AUROC, FPR95 = "AUPR", "AUROC", "FPR at 95 % TPR"
BG_GAP = "BG-Gap"
_PERCENT = 100.0
ByImage = Callable[[str, int], NDArray[np.float64]]


def top1(found: Collected, key: str, *, name: str = TOP1) -> Metric:
    """Accuracy under a condition, on the images that all runs have."""

    def right(point: str, seed: int) -> NDArray[np.float64]:
        return percent(found.right(key, point, seed))

    return _mean_metric(found, (key,), name, right, higher=True, one_condition=True)


def attack_success(found: Collected, key: str, *, name: str) -> list[Metric]:
    """The share of images that are wrong under an attack, and of those that were right before.

    As published, an image that is wrong anyway counts as success of the attack.
    """

    def wrong(point: str, seed: int) -> NDArray[np.float64]:
        return percent(~found.right(key, point, seed))

    whole = _mean_metric(found, (key,), f"{SUCCESS} {name}", wrong, higher=False)
    if CLEAN not in found.kept:
        return [whole]
    images = found.shared(CLEAN, key)

    def of_right(run: tuple[str, int]) -> float:
        before, after = (found.right(one, *run, indices=images) for one in (CLEAN, key))
        return _PERCENT * float((before & ~after).sum()) / max(int(before.sum()), 1)

    values = by_point((run, of_right(run)) for run in found.runs(CLEAN, key))
    return [whole, Metric(f"{SUCCESS_OF_RIGHT} {name}", "%", False, values, len(images))]


def accuracy_loss(found: Collected, key: str, *, name: str) -> list[Metric]:
    """Points of accuracy that are lost from clean images to a condition, on the same images."""
    if CLEAN not in found.kept:
        return []
    images = found.shared(CLEAN, key)

    def lost(point: str, seed: int) -> NDArray[np.float64]:
        before, after = (found.right(k, point, seed, indices=images) for k in (CLEAN, key))
        return _PERCENT * (before.astype(np.float64) - after)

    values = by_point((run, float(lost(*run).mean())) for run in found.runs(CLEAN, key))
    return [Metric(f"{LOSS} {name}", "points", False, values, len(images), lost)]


def background_gap(found: Collected, same: str, rand: str) -> list[Metric]:
    """BG-Gap: accuracy with backgrounds of the same class minus that with random ones."""
    values = by_point(
        (run, _PERCENT * float(found.right(same, *run).mean() - found.right(rand, *run).mean()))
        for run in found.runs(same, rand)
    )
    images = min(found.kept[key].count for key in (same, rand))
    return [Metric(BG_GAP, "points", False, values, images)]


def found_others(found: Collected, others: str, own: str) -> list[Metric]:
    """How well confidence tells images of other classes from the network's own."""
    measured: dict[tuple[str, int], Detection] = {
        run: detection(*(found.arrays(key, *run)[CONFIDENCE] for key in (others, own)))
        for run in found.runs(others, own)
    }
    images = found.kept[others].count + found.kept[own].count
    chance = 100 * found.kept[others].count / images
    named: Mapping[str, tuple[str, bool]] = {
        AUPR: ("aupr", True),
        AUROC: ("auroc", True),
        FPR95: ("fpr95", False),
    }
    return [
        Metric(
            name,
            "%",
            higher,
            by_point((run, float(getattr(one, field))) for run, one in measured.items()),
            images,
            chance=chance if name == AUPR else None,
        )
        for name, (field, higher) in named.items()
    ]


def _mean_metric(
    found: Collected,
    keys: tuple[str, ...],
    name: str,
    by_image: ByImage,
    *,
    higher: bool,
    one_condition: bool = False,
) -> Metric:
    values = by_point((run, float(by_image(*run).mean())) for run in found.runs(*keys))
    images = min(found.kept[key].count for key in keys)
    return Metric(name, "%", higher, values, images, by_image, one_condition)
