"""From answers to curves: top-1 of every point and seed under conditions that have an order.

All values of a panel are of the same images, those that all its runs have under all its conditions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ablations.compare.records import PointRecord, StudyRecord
from ablations.robustness.results.choice import CLEAN, OWN_IMAGES
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.kept import Indices
from ablations.robustness.shown.figures.overlay import Curve

CLEAN_AT = 0.0  # the x of the images as they are
Places = Mapping[float, tuple[str, ...]]  # conditions by x, whose mean is drawn there


@dataclass(frozen=True)
class Series:
    """Curves of top-1 in %, and how many images they are of."""

    curves: tuple[Curve, ...]
    images: int


def top1_series(study: StudyRecord, collected: Collected, places: Places) -> Series:
    """Top-1 of all points that have answers; at 0 that of the images as they are.

    Conditions that bring images of their own have no such value: their images have other numbers.
    A point has an x where it has all conditions of that x, of those seeds that have all its x.
    """
    at = {x: tuple(key for key in keys if key in collected.kept) for x, keys in places.items()}
    at = {x: keys for x, keys in at.items() if keys}
    if not at:
        return Series((), 0)
    if CLEAN in collected.kept and not any(map(brings_images, _keys(at))):
        at[CLEAN_AT] = (CLEAN,)
    at = dict(sorted(at.items()))
    indices = collected.shared(*_keys(at))
    if not len(indices):
        return Series((), 0)
    curves = []
    for point in study.points:
        seeds_at = {x: set(collected.seeds(point.label, *keys)) for x, keys in at.items()}
        x = tuple(place for place, seeds in seeds_at.items() if seeds)
        seeds = sorted(set.intersection(*(seeds_at[place] for place in x))) if x else []
        by_seed = {
            seed: tuple(_top1(collected, at[place], point.label, seed, indices) for place in x)
            for seed in seeds
        }
        if set(x) - {CLEAN_AT} and by_seed:
            curves.append(curve_of(study, point, x, by_seed))
    return Series(tuple(curves), len(indices))


def brings_images(key: str) -> bool:
    """Whether a condition is about other images than those of the data set."""
    return key.partition("/")[0] in OWN_IMAGES


def _keys(places: Places) -> tuple[str, ...]:
    return tuple(key for keys in places.values() for key in keys)


def _top1(
    collected: Collected, keys: Sequence[str], point: str, seed: int, indices: Indices
) -> float:
    """In %, mean over conditions."""
    each = [collected.right(key, point, seed, indices=indices).mean() for key in keys]
    return 100 * float(np.mean(each))


def curve_of(
    study: StudyRecord,
    point: PointRecord,
    x: tuple[float, ...],
    by_seed: Mapping[int, tuple[float, ...]],
) -> Curve:
    """A curve with the names that the study gives."""
    reference = study.reference(point)
    return Curve(point.label, point.title, x, by_seed, reference.label if reference else None)


def errors(series: Series) -> Series:
    """The same as errors in %."""
    found = [
        replace(curve, seeds={s: tuple(100 - y for y in values) for s, values in _items(curve)})
        for curve in series.curves
    ]
    return replace(series, curves=tuple(found))


def losses(series: Series) -> Series:
    """The points that are lost against clean images, at all other x."""
    found = [
        replace(
            curve,
            x=curve.x[1:],
            seeds={s: tuple(values[0] - y for y in values[1:]) for s, values in _items(curve)},
        )
        for curve in series.curves
        if curve.x[0] == CLEAN_AT and len(curve.x) > 1
    ]
    return replace(series, curves=tuple(found))


def _items(curve: Curve) -> Iterable[tuple[int, tuple[float, ...]]]:
    return curve.seeds.items()
