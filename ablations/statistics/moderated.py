"""Intervals of differences from the variance of the whole study, moderated point by point.

Three seeds tell little about one point's variance and much, over a dozen points, about the
study's. Each point's variance is shrunk towards the common one, as far as the points' variances
are alike (Smyth 2004, see `prior`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Literal

from ablations.statistics.paired import CONFIDENCE
from ablations.statistics.prior import Prior, bartlett_p, prior_of
from ablations.statistics.two_way import TwoWay, Values, around_points, twins, two_way

__all__ = ["Difference", "StudyVariance", "Values", "contrast", "difference", "study_variance"]

UNEQUAL = 0.01  # below it, variances are too unlike to be shrunk: Welch's interval


@dataclass(frozen=True)
class StudyVariance:
    """The noise of a study: each point's variance after moderation.

    Attributes:
        points: by point, the variance of one run, and the degrees of freedom of its own.
        pooled_std: standard deviation of one run, of all points together.
        pooled_degrees: degrees of freedom of that.
        prior_degrees: what the common variance counts as beside a point's own; infinite where the
            points' variances do not differ more than by chance, 0 where they are too unlike.
        equal_p: Bartlett's test that the variances are equal; None where it cannot be made.
        seed_p: F test that seeds have no effect common to all points; None likewise.
        correlation: of two points' runs with one seed; None likewise.
        paired: whether the seeds' common effect was taken out of the noise: always, where points
            and seeds can be told apart. To do so only where a test finds an effect would make
            intervals too narrow, most of all in a study of few points.
        lone: the points with one run, which are given the pooled variance.
    """

    points: Mapping[str, tuple[float, float]]
    pooled_std: float
    pooled_degrees: int
    prior_degrees: float
    equal_p: float | None
    seed_p: float | None
    correlation: float | None
    paired: bool
    lone: tuple[str, ...]

    @property
    def method(self) -> Literal["pooled", "moderated", "welch"]:
        """One variance for all points, each shrunk towards it, or each its own (Welch 1947)."""
        if not self.prior_degrees:
            return "welch"
        return "moderated" if isfinite(self.prior_degrees) else "pooled"


@dataclass(frozen=True)
class Difference:
    """A difference of two points' means, its 95 % interval and two-sided p.

    `p` is None where the runs have no noise at all: a t test then says nothing.
    """

    mean: float
    low: float
    high: float
    p: float | None
    error: float  # standard error
    degrees: float  # of freedom of Student's t


def study_variance(values: Values) -> StudyVariance | None:
    """The noise of finished runs; None where no point has two of them."""
    same = twins(values)
    usable = {name: values[name] for name in dict.fromkeys(same.values())}
    if not usable:
        return None
    table = two_way(usable)
    noise = around_points(usable) if table is None else table.noise
    variances = {name: noise.squares[name] / noise.degrees[name] for name in usable}
    # what is left of two points after their seeds is one number with two signs
    mirrored = table is not None and len(usable) == 2
    equal_p = None if mirrored else bartlett_p(variances, noise.degrees)
    prior = prior_of(variances, noise.degrees, pooled=noise.pooled)
    if equal_p is not None and equal_p < UNEQUAL:
        prior = Prior(0.0, noise.pooled)
    pooled_degrees = max(round(sum(noise.degrees.values())), 1)
    lone = tuple(name for name, by in values.items() if len(by) == 1)
    own = {name: (noise.pooled, float(pooled_degrees)) for name in lone}
    for name, variance in variances.items():
        # without a prior, runs that are equal by chance would be an interval of no width
        known = prior.shrink(variance, noise.degrees[name]) or noise.pooled
        own[name] = known, noise.degrees[name]
    own |= {name: own[first] for name, first in same.items()}
    return StudyVariance(
        own,
        sqrt(noise.pooled),
        pooled_degrees,
        prior.degrees,
        equal_p,
        *_seeds(table),
        table is not None,
        lone,
    )


def _seeds(table: TwoWay | None) -> tuple[float | None, float | None]:
    return (None, None) if table is None else (table.seed_p, table.correlation)


def difference(values: Values, after: str, before: str, noise: StudyVariance) -> Difference | None:
    """Difference of the means over the seeds that both points have; None without such a seed."""
    return contrast(values, {after: 1.0, before: -1.0}, noise)


def contrast(
    values: Values, weights: Mapping[str, float], noise: StudyVariance
) -> Difference | None:
    """Weighted sum of points' means over the seeds that all of them have; None without such a seed.

    The weights, which sum to 0, are of different points: of one that comes twice, the sum.
    """
    seeds = sorted(set.intersection(*(set(values[name]) for name in weights)))
    if not seeds:
        return None
    sums = [sum(weight * values[name][s] for name, weight in weights.items()) for s in seeds]
    parts = {name: w**2 * noise.points[name][0] / len(seeds) for name, w in weights.items()}
    variance = sum(parts.values())
    # Satterthwaite's degrees of freedom of what is the points' own; all share one prior
    spread = sum(part**2 / noise.points[name][1] for name, part in parts.items())
    own = variance**2 / spread if spread else inf
    degrees = min(own + noise.prior_degrees, noise.pooled_degrees)
    return _interval(sum(sums) / len(seeds), sqrt(variance), degrees)


def _interval(mean: float, error: float, degrees: float) -> Difference:
    from scipy.special import stdtr, stdtrit

    if not error:
        return Difference(mean, mean, mean, None, error, degrees)
    half = float(stdtrit(degrees, 0.5 + CONFIDENCE / 2)) * error
    p = 2 * float(stdtr(degrees, -abs(mean) / error))
    return Difference(mean, mean - half, mean + half, p, error, degrees)
