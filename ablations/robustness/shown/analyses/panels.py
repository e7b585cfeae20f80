"""From the answers of analyses to panels with one line a step."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ablations.compare.records import PointRecord, StudyRecord
from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.arrays import CORRECT, Arrays
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.kept import Indices
from ablations.robustness.shown.figures.overlay import Curve, Panel
from ablations.robustness.shown.figures.panels import TOP1, Part
from ablations.robustness.shown.figures.series import curve_of

Values = NDArray[np.float64]
Read = Callable[[Arrays], tuple[Values, Values]]  # x and y of one network

RANKS = np.linspace(0, 100, 51)  # at which sorted channels are drawn, in %
_DRAWS: tuple[tuple[str, Callable[[Values], Values]], ...] = (
    ("mean of the draws", lambda top1: top1.mean(1)),
    ("worst draw", lambda top1: top1.min(1)),
    ("best draw", lambda top1: top1.max(1)),
)


def lesion_parts(study: StudyRecord, collected: Collected) -> tuple[Part, ...]:
    """Top-1 against the share of blocks that are taken out: mean, worst and best of the draws."""
    if names.LESION not in collected.kept:
        return ()
    clean = CLEAN in collected.kept
    indices = collected.shared(names.LESION, *((CLEAN,) if clean else ()))
    found = []
    for title, of_draws in _DRAWS:
        curves = []
        for point in study.points:
            by_seed = {
                seed: _without_blocks(collected, point.label, seed, indices, of_draws, clean=clean)
                for seed in collected.seeds(point.label, *((CLEAN,) if clean else ()), names.LESION)
            }
            curves += _curve(study, point, by_seed)
        panel = Panel(title, "blocks taken out (% of all)", TOP1, tuple(curves))
        found.append(Part(panel, len(indices)))
    return _drawn(found)


def _without_blocks(
    collected: Collected,
    point: str,
    seed: int,
    indices: Indices,
    of_draws: Callable[[Values], Values],
    *,
    clean: bool,
) -> tuple[Values, Values]:
    arrays = collected.arrays(names.LESION, point, seed, indices=indices)
    top1 = of_draws(100 * arrays[CORRECT].mean(0))
    shares = 100 * np.arange(1, len(top1) + 1) / int(arrays[names.BLOCKS])
    if not clean:
        return shares, top1
    whole = 100 * collected.right(CLEAN, point, seed, indices=indices).mean()
    return np.array([0.0, *shares]), np.array([whole, *top1])


def kernel_parts(study: StudyRecord, collected: Collected) -> tuple[Part, ...]:
    """Distances of all depthwise channels in ascending order, and over those of uniform kernels."""
    x_label = "channels in ascending order (%)"
    return _parts(
        study,
        collected,
        names.KERNELS,
        {
            ("mean distance to the centre", x_label, "positions of the map"): lambda arrays: (
                sorted_at_ranks(arrays[names.MEAN_DISTANCE])
            ),
            ("over that of a uniform kernel of its size", x_label, "ratio"): lambda arrays: (
                sorted_at_ranks(arrays[names.RELATIVE_DISTANCE])
            ),
        },
    )


def sorted_at_ranks(distances: NDArray[np.floating]) -> tuple[Values, Values]:
    """Ranks in % and the distance at each, of channels that have one; empty where none has."""
    known = distances[np.isfinite(distances)].astype(np.float64)
    return (RANKS, np.quantile(known, RANKS / 100)) if len(known) else (known, known)


def variance_parts(study: StudyRecord, collected: Collected) -> tuple[Part, ...]:
    """The variance of maps over depth, the mean over images, and over the maps' mean square."""
    x_label = "depth: from the stem (0) to the last block (1)"
    return _parts(
        study,
        collected,
        names.VARIANCE,
        {
            ("variance over positions", x_label, "variance, power of 10"): lambda arrays: (
                over_depth(np.log10(arrays[names.MAP_VARIANCE].mean(0, dtype=np.float64)))
            ),
            ("over the mean square of the map", x_label, "ratio"): lambda arrays: over_depth(
                arrays[names.MAP_RELATIVE].mean(0, dtype=np.float64)
            ),
        },
    )


def over_depth(values: Values) -> tuple[Values, Values]:
    """Depths index / (n - 1) and the values of maps (n,), without those that have none."""
    depths, known = np.linspace(0, 1, len(values)), np.isfinite(values)
    return depths[known], values[known]


def field_parts(study: StudyRecord, collected: Collected) -> tuple[Part, ...]:
    """Areas of the squares about the middle that hold a share of the contributions."""
    x_label = "share of the contributions in the square (%)"
    y_label = "its area (% of the image)"
    return _parts(
        study,
        collected,
        names.FIELD,
        {
            ("contributions", x_label, y_label): lambda arrays: areas(arrays, names.SQUARES),
            ("their logarithm, as RepLKNet draws it", x_label, y_label): lambda arrays: areas(
                arrays, names.LOG_SQUARES
            ),
        },
    )


def areas(arrays: Arrays, key: str) -> tuple[Values, Values]:
    """Shares and areas of squares, both in %; a network without contributions has none."""
    found = 100 * (arrays[key].astype(np.float64) / int(arrays[names.SIDE])) ** 2
    known = np.isfinite(found)
    return 100 * arrays[names.THRESHOLDS][known], found[known]


def _parts(
    study: StudyRecord,
    collected: Collected,
    key: str,
    panels: Mapping[tuple[str, str, str], Read],
) -> tuple[Part, ...]:
    """A panel for each title with labels, of what is read from the answers to a condition."""
    if key not in collected.kept:
        return ()
    kept, found = collected.kept[key], []
    for (title, x_label, y_label), read in panels.items():
        curves = []
        for point in study.points:
            seeds = collected.seeds(point.label, key)
            by_seed = {seed: read(kept.arrays(point.label, seed)) for seed in seeds}
            curves += _curve(study, point, by_seed)
        found.append(Part(Panel(title, x_label, y_label, tuple(curves)), kept.count))
    return _drawn(found)


def _curve(
    study: StudyRecord, point: PointRecord, by_seed: Mapping[int, tuple[Values, Values]]
) -> list[Curve]:
    """The curve of a point, at those x that all its seeds have; none without any."""
    if not by_seed:
        return []
    x = sorted(set.intersection(*({float(at) for at in xs} for xs, _ in by_seed.values())))
    values = {
        seed: tuple(dict(zip(map(float, xs), map(float, ys), strict=True))[at] for at in x)
        for seed, (xs, ys) in by_seed.items()
    }
    return [curve_of(study, point, tuple(x), values)] if x else []


def _drawn(parts: list[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.panel.curves)
