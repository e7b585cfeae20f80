"""Small-sample statistics of paired runs: mean, std, paired t interval.

Every point is trained with the same seeds, and one seed gives every point the same images, order
and augmentation draws. Differences are taken within a seed, then averaged over seeds. What that
buys is measured in each study, see `two_way`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Sample:
    """Mean and standard deviation (ddof = 1) of one value per seed; None where n is too small."""

    n: int
    mean: float | None
    std: float | None


@dataclass(frozen=True)
class PairedDelta:
    """Differences within the seeds that both sides have, their mean and its 95 % t interval.

    `low` and `high` are None with fewer than two pairs.
    """

    seeds: tuple[int, ...]
    differences: tuple[float, ...]  # one a seed
    mean: float
    low: float | None
    high: float | None


def sample(values: Sequence[float]) -> Sample:
    """Mean and ddof = 1 standard deviation of one value per seed."""
    n = len(values)
    mean = sum(values) / n if n else None
    if mean is None or n < 2:
        return Sample(n, mean, None)
    return Sample(n, mean, sqrt(sum((value - mean) ** 2 for value in values) / (n - 1)))


def paired_delta(after: Mapping[int, float], before: Mapping[int, float]) -> PairedDelta | None:
    """Difference `after - before`, paired by seed; None when no seed is on both sides."""
    seeds = tuple(sorted(set(after) & set(before)))
    differences = tuple(after[seed] - before[seed] for seed in seeds)
    summary = sample(differences)
    if summary.mean is None:
        return None
    half = interval_half_width(summary)
    low, high = (None, None) if half is None else (summary.mean - half, summary.mean + half)
    return PairedDelta(seeds, differences, summary.mean, low, high)


def interval_half_width(summary: Sample) -> float | None:
    """Half the width of the 95 % t interval of a mean; None with fewer than two values."""
    if summary.std is None:
        return None
    return t_quantile(summary.n - 1) * summary.std / sqrt(summary.n)


def t_quantile(degrees: int) -> float:
    """The two-sided 95 % quantile of Student's t."""
    # scipy.stats.t.ppf gives the same number, and takes seconds to import.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))


def binomial_half_width(top1: float, images: int) -> float:
    """Half the 95 % binomial interval of a top-1 accuracy (percent) on so many test images."""
    share = top1 / 100
    return 100 * 1.96 * sqrt(share * (1 - share) / images)
