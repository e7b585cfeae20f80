"""Intervals of differences from the variance of the whole study, moderated point by point.

Three seeds tell little about one point's variance and much, over a dozen points, about the
study's. Each point's variance is shrunk towards the common one, as far as the points' variances
are alike (Smyth 2004, "Linear models and empirical Bayes methods", Section 6.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, log, sqrt

from ablations.statistics.paired import CONFIDENCE, sample

Values = Mapping[str, Mapping[int, float]]  # point -> seed -> value
SEED_SIGNIFICANCE = 0.1  # below it, what seeds have in common is taken out of the noise
UNEQUAL = 0.01  # below it, variances are too unlike to be shrunk: Welch's interval


@dataclass(frozen=True)
class StudyVariance:
    """The noise of a study: each point's variance after moderation."""

    points: Mapping[str, tuple[float, float]]  # point -> (variance of one run, own degrees)
    counts: Mapping[str, int]  # runs a point
    pooled_std: float
    pooled_degrees: int
    prior_degrees: float  # infinite where the points' variances do not differ more than by chance
    equal_p: float | None  # Bartlett's test that the variances are equal
    seed_p: float | None  # F test that seeds have an effect common to all points
    paired: bool  # whether that effect was taken out


@dataclass(frozen=True)
class Difference:
    """A difference of two points' means, its 95 % interval and two-sided p."""

    mean: float
    low: float
    high: float
    p: float


def study_variance(values: Values) -> StudyVariance | None:
    """The noise of finished runs; None where no point has two of them."""
    usable = {name: by for name, by in values.items() if len(by) > 1}
    if not usable:
        return None
    seed_p = _seed_p(usable)
    paired = seed_p is not None and seed_p < SEED_SIGNIFICANCE
    squares, degrees = _squares(usable, paired=paired)
    variances = {name: squares[name] / degrees[name] for name in usable}
    pooled_degrees = sum(degrees.values())
    pooled = sum(squares.values()) / pooled_degrees
    equal_p = _bartlett(variances, degrees)
    prior, center = _prior(variances, degrees)
    if not isfinite(prior):
        center = pooled
    if equal_p is not None and equal_p < UNEQUAL:
        prior = 0.0
    whole = max(round(pooled_degrees), 1)
    points = {name: _moderated(variances[name], degrees[name], prior, center) for name in usable}
    for name in values.keys() - usable.keys():
        points[name] = pooled, pooled_degrees
    counts = {name: len(by) for name, by in values.items()}
    return StudyVariance(points, counts, sqrt(pooled), whole, prior, equal_p, seed_p, paired)


def difference(values: Values, after: str, before: str, noise: StudyVariance) -> Difference | None:
    """Difference of the means over the seeds that both have; None without one."""
    seeds = values[after].keys() & values[before].keys()
    if not seeds:
        return None
    mean = sum(values[after][s] - values[before][s] for s in seeds) / len(seeds)
    (va, da), (vb, db) = noise.points[after], noise.points[before]
    a, b = va / len(seeds), vb / len(seeds)
    error = sqrt(a + b)
    # Satterthwaite's degrees of freedom of what is the points' own; both share one prior
    own = (a + b) ** 2 / (a**2 / da + b**2 / db) if a + b else inf
    degrees = min(own + noise.prior_degrees, noise.pooled_degrees)
    return Difference(mean, *_interval(mean, error, degrees))


def _interval(mean: float, error: float, degrees: float) -> tuple[float, float, float]:
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(degrees, 0.5 + CONFIDENCE / 2)) * error
    p = 2 * float(stdtr(degrees, -abs(mean) / error)) if error else float(mean == 0)
    return mean - half, mean + half, p


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p of a family of tests, valid under any dependence (Holm 1979)."""
    adjusted, largest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def pairing(values: Values) -> float | None:
    """What pairing by seed bought: the correlation of the points over seeds.

    The correlation is that of one run's noise between points (intraclass, from mean squares of
    points by seeds); the variance of a paired difference is `1 - correlation` times that of an
    unpaired one. None with fewer than two points or seeds that all points have.
    """
    table = _table(values)
    if table is None:
        return None
    points = len(table)
    ms_seed, ms_error = _mean_squares(table)
    return (ms_seed - ms_error) / (ms_seed + (points - 1) * ms_error) if ms_error else 1.0


def _moderated(variance: float, degrees: float, prior: float, center: float) -> tuple[float, float]:
    if not isfinite(prior):
        return center, degrees
    return (prior * center + degrees * variance) / (prior + degrees), degrees


def _prior(variances: Mapping[str, float], degrees: Mapping[str, float]) -> tuple[float, float]:
    """Degrees of freedom and variance of the prior, by the moments of log variances."""
    from scipy.special import polygamma, psi

    names = [name for name, variance in variances.items() if variance > 0]
    if len(names) < 2:
        return inf, 0.0
    halves = [degrees[name] / 2 for name in names]
    logs = [
        log(variances[name]) - float(psi(half)) + log(half)
        for name, half in zip(names, halves, strict=True)
    ]
    center = sample(logs)
    assert center.mean is not None
    assert center.std is not None
    chance = sum(float(polygamma(1, half)) for half in halves) / len(halves)
    spread = center.std**2 - chance
    if spread <= 0:
        return inf, 0.0
    prior = 2 * _trigamma_inverse(spread)
    return prior, exp(center.mean + float(psi(prior / 2)) - log(prior / 2))


def _trigamma_inverse(value: float) -> float:
    """The x with trigamma(x) = value, by Newton's steps on 1 / trigamma (Smyth 2004, appendix)."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-10 * x:
            break
    return x


def _bartlett(variances: Mapping[str, float], degrees: Mapping[str, float]) -> float | None:
    """Bartlett's p that all variances are equal; None with fewer than two that are above 0."""
    from scipy.special import chdtrc

    names = [name for name, variance in variances.items() if variance > 0]
    if len(names) < 2:
        return None
    total = sum(degrees[name] for name in names)
    pooled = sum(degrees[name] * variances[name] for name in names) / total
    gap = total * log(pooled) - sum(degrees[name] * log(variances[name]) for name in names)
    correction = (sum(1 / degrees[name] for name in names) - 1 / total) / (3 * (len(names) - 1))
    return float(chdtrc(len(names) - 1, gap / (1 + correction)))


def _table(values: Values) -> list[list[float]] | None:
    """Points by the seeds that all of them have."""
    if len(values) < 2:
        return None
    seeds = sorted(set.intersection(*(set(by) for by in values.values())))
    return [[by[seed] for seed in seeds] for by in values.values()] if len(seeds) > 1 else None


def _mean_squares(table: list[list[float]]) -> tuple[float, float]:
    """Mean squares of seeds and of what is left after points and seeds."""
    import numpy as np

    y = np.array(table)
    points, seeds = y.shape
    left = y - y.mean(1, keepdims=True) - y.mean(0, keepdims=True) + y.mean()
    by_seed = points * float(((y.mean(0) - y.mean()) ** 2).sum()) / (seeds - 1)
    return by_seed, float((left**2).sum()) / ((points - 1) * (seeds - 1))


def _seed_p(values: Values) -> float | None:
    """The p of an F test of the seeds' common effect; None where no table of points has it."""
    from scipy.special import fdtrc

    table = _table(values)
    if table is None:
        return None
    by_seed, error = _mean_squares(table)
    points, seeds = len(table), len(table[0])
    if not error:
        return 0.0 if by_seed else 1.0
    return float(fdtrc(seeds - 1, (points - 1) * (seeds - 1), by_seed / error))


def _squares(values: Values, *, paired: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Each point's sum of squares and degrees of freedom, around its mean and, paired, its seeds'.

    Taking the seeds' effects out costs `seeds - 1` degrees, shared by the points.
    """
    import numpy as np

    table = _table(values) if paired else None
    if table is None:
        return (
            {
                n: sum((v - sum(by.values()) / len(by)) ** 2 for v in by.values())
                for n, by in values.items()
            },
            {n: len(by) - 1.0 for n, by in values.items()},
        )
    y = np.array(table)
    left = y - y.mean(1, keepdims=True) - y.mean(0, keepdims=True) + y.mean()
    points, seeds = y.shape
    share = (points - 1) / points  # what of a point's squares its own mean over points leaves
    squares = (left**2).sum(1)
    return (
        dict(zip(values, map(float, squares), strict=True)),
        dict.fromkeys(values, (seeds - 1) * share),
    )


def _around_mean(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)
