"""Permutation tests: of one difference by its signs, of a whole table, of a correlation.

They assume no distribution. Random permutations come from a fixed seed, so that a report that is
written twice says the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, lgamma, log2
from typing import TYPE_CHECKING

from ablations.statistics.paired import SIGNIFICANCE
from ablations.statistics.two_way import Values, twins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EXACT_SEEDS = 40  # 2^20 sums of each half, met in the middle: all 2^40 patterns in a second
RANDOM_FLIPS = 100_000  # of more seeds than that
PERMUTATIONS = 10_000


@dataclass(frozen=True)
class PermutationTest:
    """A p from random permutations, and the smallest that it could have been."""

    p: float
    smallest: float


def any_difference(values: Values) -> PermutationTest | None:
    """Whether there is any difference at all between the points of a table.

    Were all points the same, their values could have come in any order within each seed. The
    statistic is the sum of squares between the points' means of what is left after the seeds'
    means; of points with as many seeds it orders the permutations as F of a randomised block
    design does. Points with one run are left out: they say nothing of their own noise. None with
    fewer than two points or two seeds.
    """
    import numpy as np

    usable = {name: values[name] for name in dict.fromkeys(twins(values).values())}
    seeds = sorted({seed for by in usable.values() for seed in by})
    if len(usable) < 2 or len(seeds) < 2:
        return None
    counts = np.array([len(by) for by in usable.values()], dtype=float)
    draws = np.random.default_rng(0)
    sums = np.zeros((PERMUTATIONS + 1, len(usable)))  # the first is what was measured
    for seed in seeds:
        has = [index for index, by in enumerate(usable.values()) if seed in by]
        column = np.array([by[seed] for by in usable.values() if seed in by])
        column -= column.mean()
        shuffled = draws.permuted(np.tile(column, (PERMUTATIONS, 1)), axis=1)
        sums[:, has] += np.vstack([column, shuffled])
    statistic = (sums**2 / counts).sum(1)
    return PermutationTest(_share(statistic), _smallest(usable))


def _smallest(usable: Values) -> float:
    """Of k points and n seeds k!^(n - 1) patterns count: one order in all seeds changes nothing."""
    seeds = min(map(len, usable.values()))
    patterns = exp(min((seeds - 1) * lgamma(len(usable) + 1), 50.0))
    return max(1 / (PERMUTATIONS + 1), 1 / patterns)


def correlation_p(measured: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided p of Pearson's correlation when one side is permuted."""
    import numpy as np

    x, y = np.array(measured), np.array(other)
    x, y = x - x.mean(), y - y.mean()
    shuffled = np.random.default_rng(0).permuted(np.tile(x, (PERMUTATIONS, 1)), axis=1)
    return _share(abs(np.vstack([x, shuffled]) @ y))


def _share(statistic: "Array") -> float:
    """The share of permutations at least as extreme as the first, which was measured."""
    least = statistic[0] * (1 - 1e-9)  # equal sums may differ in the last bit
    return float((statistic >= least).mean())


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
