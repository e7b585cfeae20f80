"""Small-sample statistics of paired runs: mean, std, paired t interval, sign-flip test.

Every point is trained with the same seeds, and one seed gives every point the same images, order
and augmentation draws. Differences are therefore taken within a seed, then averaged over seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2, sqrt

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
EXACT_SEEDS = 40  # 2^20 sums of each half, met in the middle: all 2^40 patterns in a second
RANDOM_FLIPS = 100_000  # of more seeds than that; their seed is fixed


@dataclass(frozen=True)
class Sample:
    """Mean and standard deviation (ddof = 1) of one value per seed; None where n is too small."""

    n: int
    mean: float | None
    std: float | None


@dataclass(frozen=True)
class PairedDelta:
    """Mean difference over the seeds that both sides have, its 95 % t interval and p-value.

    `low`, `high` and `p` are None with fewer than two pairs. `p` is two-sided, see `sign_flip_p`.
    """

    seeds: tuple[int, ...]
    mean: float
    low: float | None
    high: float | None
    p: float | None


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
    differences = [after[seed] - before[seed] for seed in seeds]
    summary = sample(differences)
    if summary.mean is None:
        return None
    half = interval_half_width(summary)
    low, high = (None, None) if half is None else (summary.mean - half, summary.mean + half)
    p = sign_flip_p(differences) if len(seeds) > 1 else None  # of one pair it is 1, whatever it is
    return PairedDelta(seeds, summary.mean, low, high, p)


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


def sign_flip_p(differences: Sequence[float]) -> float | None:
    """Two-sided p-value of the mean difference under random signs (H0: symmetric around 0).

    Of all sign patterns the share whose sum is at least as large in size; exact with up to
    `EXACT_SEEDS` differences, from `RANDOM_FLIPS` patterns (and the one that was seen) with more.
    None with no differences.
    """
    if not differences:
        return None
    # equal sums may differ in the last bit
    least = abs(sum(differences)) - 1e-9 * sum(map(abs, differences))
    if least <= 0:
        return 1.0
    if len(differences) > EXACT_SEEDS:
        return _random_share(differences, least)
    return _exact_share(differences, least)


def _exact_share(differences: Sequence[float], least: float) -> float:
    """The share of all sign patterns whose sum is at least `least` (above 0) in size."""
    import numpy as np

    middle = len(differences) // 2
    first, second = np.zeros(1), np.zeros(1)
    for difference in differences[:middle]:
        first = np.concatenate([first - difference, first + difference])
    for difference in differences[middle:]:
        second = np.concatenate([second - difference, second + difference])
    second.sort()
    above = second.size - np.searchsorted(second, least - first, side="left")
    below = np.searchsorted(second, -least - first, side="right")
    return float((above.sum() + below.sum()) / (first.size * second.size))


def _random_share(differences: Sequence[float], least: float) -> float:
    import numpy as np

    draws, seen = np.random.default_rng(0), 1  # the pattern that was seen is one of them
    for _ in range(RANDOM_FLIPS // 1000):
        signs = draws.choice((-1.0, 1.0), size=(1000, len(differences)))
        seen += int((abs(signs @ np.asarray(differences)) >= least).sum())
    return seen / (RANDOM_FLIPS + 1)


def smallest_p(seeds: int) -> float:
    """The smallest two-sided p that a sign-flip test of `seeds` pairs can give."""
    if seeds > EXACT_SEEDS:
        return 1 / (RANDOM_FLIPS + 1)
    return min(1.0, 2.0 ** (1 - seeds))


def seeds_needed(significance: float = SIGNIFICANCE) -> int:
    """The fewest seeds with which the sign-flip test can reach a significance level."""
    return 1 + ceil(-log2(significance))


def binomial_half_width(top1: float, images: int) -> float:
    """Half the 95 % binomial interval of a top-1 accuracy (percent) on so many test images."""
    share = top1 / 100
    return 100 * 1.96 * sqrt(share * (1 - share) / images)


def seeds_sentence(seeds: int) -> str:
    """What a number of seeds can and cannot show, in words."""
    if seeds == 0:
        return "No seed is finished: there is nothing to compare."
    if seeds == 1:
        return (
            "With 1 seed there is no interval and no test: a difference may be the seed's alone. "
            "Two seeds give an interval, "
            f"{seeds_needed()} are the fewest with which a permutation test can reach "
            f"p ≤ {SIGNIFICANCE}."
        )
    least = smallest_p(seeds)
    return (
        f"With {seeds} seeds the smallest two-sided p-value of the {_test(seeds)} is {least:.3g}, "
        f"so {_verdict(seeds)}. The t intervals assume that the differences of seeds are normally "
        f"distributed, which {seeds} values cannot check."
    )


def _test(seeds: int) -> str:
    if seeds > EXACT_SEEDS:
        return f"sign-flip permutation test ({RANDOM_FLIPS:,} random patterns of signs)"
    return "exact sign-flip permutation test"


def _verdict(seeds: int) -> str:
    """What the test can reach, and what that takes."""
    least = smallest_p(seeds)
    if least > SIGNIFICANCE:
        return (
            f"no permutation test can reach p ≤ {SIGNIFICANCE} here, however large the "
            f"difference; {seeds_needed()} seeds would be the fewest that can"
        )
    # with one seed against the others, the one with the smallest difference, p doubles
    all_agree = 2 * least > SIGNIFICANCE
    takes = (
        "only if every seed agrees in sign"
        if all_agree
        else "surely if every seed agrees in sign, and also if a few with small differences do not"
    )
    return f"a permutation test can reach p ≤ {SIGNIFICANCE}: {takes}"


def comparisons_sentence(count: int) -> str:
    """A warning about `count` intervals that are read together; empty for fewer than two."""
    if count < 2:
        return ""
    chance = 100 * (1 - CONFIDENCE**count)
    return (
        f"The {count} intervals are 95 % each and not corrected for multiple comparisons: if "
        f"there were no difference at all and the intervals were independent, at least one would "
        f"still exclude 0 with probability {chance:.0f} %."
    )


def images_sentence(top1: float, images: int) -> str:
    """The binomial uncertainty of a top-1 accuracy (percent) on a test set, in words."""
    half = binomial_half_width(top1, images)
    return (
        f"The test set has {images} images, so an accuracy of {top1:.2f} % is known to ±{half:.2f} "
        f"points (binomial, 95 %) as an estimate for new images. More seeds do not shrink that; "
        f"between points much of it cancels, since all are tested on the same images."
    )
