"""A metric of a study: a number for each run, and what it says of differences."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.compare.records import StudyRecord
from ablations.robustness.metrics.accuracy import BySeed
from ablations.robustness.metrics.changes import paired_error
from ablations.statistics.mcnemar import mcnemar_over_seeds_p
from ablations.statistics.moderated import StudyVariance, difference, study_variance
from ablations.statistics.multiplicity import holm
from ablations.statistics.paired import paired_delta

ByImage = Callable[[str, int], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Metric:
    """A number for each run.

    Attributes:
        name: as reports have it.
        unit: `%`, `points`, `share`, or empty.
        higher: whether more is better; None: neither is.
        values: by point and seed.
        images: how many it is over.
        by_image: of a point and a seed, (N,) numbers whose mean is the value; None where it is no
            mean over images.
        one_condition: whether those are right or wrong under one condition, for McNemar's test.
        decimals: that tables show.
        divided: whether values are divided by those of a point of the study, which then are
            constant: differences then have the interval of the pairs alone.
        chance: the value of answers that say nothing, where that depends on the images; else None.
    """

    name: str
    unit: str
    higher: bool | None
    values: BySeed
    images: int
    by_image: ByImage | None = None
    one_condition: bool = False
    decimals: int = 2
    divided: bool = False
    chance: float | None = None


@dataclass(frozen=True)
class MetricChange:
    """The difference of a point to its reference, in the metric's unit.

    Attributes:
        reference: label of the point that it is compared with.
        seeds: that both have.
        delta: mean over these seeds.
        low, high: ends of its 95 % interval over new seeds, from the noise of the whole study; None
            where no network has a second seed, and where both networks answer alike.
        p: two-sided, of the same t test.
        p_holm: adjusted for all differences of the metric.
        images_error: standard error over the images, of the paired difference; None where the
            metric is no mean over images.
        mcnemar_p: of one condition, two-sided mid-p over images: about these networks.
    """

    reference: str
    seeds: tuple[int, ...]
    delta: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    images_error: float | None
    mcnemar_p: float | None


def percent(shares: NDArray[Any]) -> NDArray[np.float64]:
    """Shares, or whether something is so, in percent."""
    return 100 * shares.astype(np.float64)


def by_point(values: Iterable[tuple[tuple[str, int], float]]) -> BySeed:
    """Numbers of points and seeds, by point and seed."""
    found: dict[str, dict[int, float]] = {}
    for (point, seed), value in values:
        found.setdefault(point, {})[seed] = value
    return found


def metric_changes(study: StudyRecord, metric: Metric) -> Mapping[str, MetricChange]:
    """By point, the difference to its reference, where a seed is on both sides."""
    noise = None if metric.divided else study_variance(metric.values)
    found: dict[str, MetricChange] = {}
    for point in study.points:
        before = study.reference(point)
        if before is not None and {point.label, before.label} <= metric.values.keys():
            change = _change(metric, point.label, before.label, noise)
            if change is not None:
                found[point.label] = change
    return _adjusted(found)


def _change(
    metric: Metric, after: str, before: str, noise: StudyVariance | None
) -> MetricChange | None:
    paired = paired_delta(metric.values[after], metric.values[before])
    if paired is None:
        return None
    error, mcnemar, alike = _over_images(metric, after, before, paired.seeds)
    low, high, p = (paired.low, paired.high, None) if metric.divided else (None, None, None)
    if noise is not None and not alike:
        over_seeds = difference(metric.values, after, before, noise)
        if over_seeds is not None:
            low, high, p = over_seeds.low, over_seeds.high, over_seeds.p
    return MetricChange(before, paired.seeds, paired.mean, low, high, p, None, error, mcnemar)


def _over_images(
    metric: Metric, after: str, before: str, seeds: tuple[int, ...]
) -> tuple[float | None, float | None, bool]:
    """Standard error and McNemar's p over images, and whether all answers are alike."""
    if metric.by_image is None:
        return None, None, False
    each = [metric.by_image(after, seed) - metric.by_image(before, seed) for seed in seeds]
    scores = np.stack(each, axis=1)
    tested = None
    if metric.one_condition:
        tested = mcnemar_over_seeds_p(np.sign(scores))
    error = paired_error(scores.mean(1)) if len(scores) > 1 else None
    return error, tested, not scores.any()


def _adjusted(found: Mapping[str, MetricChange]) -> Mapping[str, MetricChange]:
    adjusted = holm({point: one.p for point, one in found.items() if one.p is not None})
    return {
        point: MetricChange(**{**vars(one), "p_holm": adjusted.get(point)})
        for point, one in found.items()
    }
