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


def top1_series(
    study: StudyRecord, collected: Collected, places: Places, *, indices: Indices | None = None
) -> Series:
    """Top-1 of all points that have answers; at 0 that of the images as they are.

    A point has an x where it has all conditions of that x, of those seeds that have all its x.
    Conditions that bring images have no value at 0: theirs have other numbers.

    Args:
        study: whose points.
        collected: answers.
        places: conditions by x, at least one of which is there, or there is no curve.
        indices: the images; None: those that all runs have under all of these conditions.
    """
    at = {x: tuple(key for key in keys if key in collected.kept) for x, keys in places.items()}
    at = {x: keys for x, keys in at.items() if keys}
    if not at:
        return Series((), 0)
    if not any(map(brings_images, _keys(at))) and _knows_clean(collected, indices):
        at[CLEAN_AT] = (CLEAN,)
    at = dict(sorted(at.items()))
    of = collected.shared(*_keys(at)) if indices is None else indices
    curves = [
        curve_of(study, point, x, by_seed)
        for point in study.points
        if len(of) and (x := _answered(collected, at, point.label))
        if (by_seed := _by_seed(collected, at, x, point.label, of))
    ]
    return Series(tuple(curves), len(of))


def _knows_clean(collected: Collected, indices: Indices | None) -> bool:
    """Whether the images were asked about as they are."""
    if CLEAN not in collected.kept:
        return False
    return indices is None or bool(np.isin(indices, collected.shared(CLEAN)).all())


def _answered(collected: Collected, at: Places, point: str) -> tuple[float, ...]:
    """The x that a point has; none where these are clean images alone."""
    found = tuple(x for x, keys in at.items() if collected.seeds(point, *keys))
    return found if set(found) - {CLEAN_AT} else ()


def _by_seed(
    collected: Collected, at: Places, x: Sequence[float], point: str, indices: Indices
) -> dict[int, tuple[float, ...]]:
    seeds = set.intersection(*(set(collected.seeds(point, *at[one])) for one in x))
    return {
        seed: tuple(_top1(collected, at[one], point, seed, indices) for one in x)
        for seed in sorted(seeds)
    }


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
