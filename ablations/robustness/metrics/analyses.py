"""Numbers of the analyses, of which figures show the curves."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ablations.compare.words import plural
from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.arrays import CORRECT, Arrays
from ablations.robustness.metrics.metric import Metric, by_point, percent
from ablations.robustness.results.collected import Collected

KERNELS, RELATIVE_KERNELS = "kernel distance", "kernel distance over uniform"
FIELD, LOG_FIELD = "receptive field", "receptive field of the logarithm"


def lesion_name(count: int) -> str:
    """What top-1 is called without so many blocks."""
    return f"top-1 without {plural(count, 'block')}"


def field_name(share: float, *, of: str = FIELD) -> str:
    """What the area is called that holds more than a share of the contributions."""
    return f"{of}, {100 * share:.0f} %"


def analysis_metrics(found: Collected) -> list[Metric]:
    """Of lesions, kernels and receptive fields, as far as networks answered."""
    return [*_lesions(found), *_kernels(found), *_fields(found)]


def analysis_notes(found: Collected) -> list[str]:
    """What cannot be compared, in sentences."""
    runs = _runs(found, names.FIELD)
    sides = {int(found.arrays(names.FIELD, *run)[names.SIDE]) for run in runs}
    if len(sides) < 2:
        return []
    said = " and ".join(f"{side} px" for side in sorted(sides))
    return [
        f"Receptive fields are of images of {said}: networks that take one size only are asked at "
        "that, and their areas are not to be compared with the others'."
    ]


def _lesions(found: Collected) -> list[Metric]:
    """Top-1 without 1, 2, .. blocks, mean over draws; of networks that can lose as many."""
    counts = {run: _right(found, *run).shape[1] for run in _runs(found, names.LESION)}
    metrics = []
    for count in range(1, max(counts.values(), default=0) + 1):
        by_image = partial(_right_without, found, count)
        runs = [run for run, most in counts.items() if most >= count]
        values = by_point((run, float(by_image(*run).mean())) for run in runs)
        images = found.kept[names.LESION].count
        metrics.append(Metric(lesion_name(count), "%", True, values, images, by_image))
    return metrics


def _right(found: Collected, point: str, seed: int) -> NDArray[np.bool_]:
    """(N, counts, draws) whether a network without blocks is right."""
    right: NDArray[np.bool_] = found.arrays(names.LESION, point, seed)[CORRECT]
    return right


def _right_without(found: Collected, count: int, point: str, seed: int) -> NDArray[np.float64]:
    """(N,) in % of the draws."""
    return percent(_right(found, point, seed)[:, count - 1].mean(1))


def _kernels(found: Collected) -> list[Metric]:
    """The mean over all channels that have weights."""
    return [
        _numbers(found, names.KERNELS, name, unit, partial(_mean, key=key))
        for name, unit, key in (
            (KERNELS, "positions", names.MEAN_DISTANCE),
            (RELATIVE_KERNELS, "", names.RELATIVE_DISTANCE),
        )
    ]


def _mean(arrays: Arrays, *, key: str) -> float:
    known = arrays[key][np.isfinite(arrays[key])]
    return float(known.mean(dtype=np.float64)) if len(known) else np.nan


def _fields(found: Collected) -> list[Metric]:
    """Areas in % of the image."""
    runs = _runs(found, names.FIELD)
    shares = {float(s) for run in runs for s in found.arrays(names.FIELD, *run)[names.THRESHOLDS]}
    return [
        _numbers(
            found,
            names.FIELD,
            field_name(share, of=of),
            "% of the image",
            partial(_area, key=key, share=share),
        )
        for of, key in ((FIELD, names.SQUARES), (LOG_FIELD, names.LOG_SQUARES))
        for share in sorted(shares)
    ]


def _area(arrays: Arrays, *, key: str, share: float) -> float:
    side = arrays[key][arrays[names.THRESHOLDS] == share]
    return 100 * float(side[0] / int(arrays[names.SIDE])) ** 2 if len(side) else np.nan


def _numbers(
    found: Collected, key: str, name: str, unit: str, read: Callable[[Arrays], float]
) -> Metric:
    """A number of each network that has one (not NaN); neither more nor less of it is better."""
    each = ((run, read(found.arrays(key, *run))) for run in _runs(found, key))
    values = by_point((run, value) for run, value in each if np.isfinite(value))
    images = found.kept[key].count if key in found.kept else 0
    return Metric(name, unit, None, values, images)


def _runs(found: Collected, key: str) -> tuple[tuple[str, int], ...]:
    return found.runs(key) if key in found.kept else ()
