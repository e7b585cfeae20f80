"""How far measured numbers agree with published ones: signs, correlation, rank correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablations.statistics.permutation import correlation_p

FEWEST = 4  # of three values every order has p >= 1/3


@dataclass(frozen=True)
class Agreement:
    """Of `count` pairs how many have one sign, and their correlations with permutation p."""

    count: int
    equal_signs: int
    pearson: float
    pearson_p: float
    spearman: float
    spearman_p: float


def agreement(measured: Sequence[float], published: Sequence[float]) -> Agreement | None:
    """Compare numbers pair by pair; None with fewer than four, or where one side does not vary."""
    count = len(measured)
    if count < FEWEST or min(map(len, map(set, (measured, published)))) < 2:
        return None
    signs = sum(a * b > 0 for a, b in zip(measured, published, strict=True))
    ranks = _ranks(measured), _ranks(published)
    return Agreement(
        count,
        signs,
        _pearson(measured, published),
        correlation_p(measured, published),
        _pearson(*ranks),
        correlation_p(*ranks),
    )


def _pearson(first: Sequence[float], second: Sequence[float]) -> float:
    import numpy as np

    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1 on; equal values share the mean of theirs."""
    # scipy.stats.rankdata gives the same numbers, and takes seconds to import.
    import numpy as np

    _, place, count = np.unique(np.array(values), return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    return [float(rank) for rank in ranks[place]]
