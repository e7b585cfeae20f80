"""McNemar's test: whether two trained networks are right on different numbers of images.

What is random in it are the images, of which others could have been drawn: it is about these
networks, and says nothing of what other seeds would give.
"""

from math import erfc, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT_SUM = 10_000  # of the images' net scores: above it the normal distribution is as good


def mcnemar_p(fixed: int, broken: int) -> float:
    """Two-sided mid-p of one pair of networks; 1 where they are right on the same images.

    Args:
        fixed: images that only the second network has right.
        broken: images that only the first has right.

    The mid-p counts what was seen half: the exact p is larger than it need be (Fagerland, Lydersen
    and Laake 2013, doi 10.1186/1471-2288-13-91).
    """
    return _mid_p(np.repeat([1, -1], [fixed, broken]))


def mcnemar_over_seeds_p(scores: NDArray[Any]) -> float:
    """Two-sided mid-p of several pairs of networks, one a seed, on the same images.

    Args:
        scores: (images, seeds), +1 where only the second network of a seed's pair is right, -1
            where only the first is, else 0.

    An image is one draw however many seeds saw it: its scores are added up, and the sum over images
    is compared with that of random signs. It is the test of Durkalski et al. 2003 (doi
    10.1002/sim.1438) for clustered pairs, with its exact distribution; of one seed it is McNemar's.
    """
    return _mid_p(scores.astype(np.int64).sum(1))


def _mid_p(net: NDArray[Any]) -> float:
    """Two-sided mid-p of the sum of whole numbers under random signs."""
    sizes, seen = np.bincount(np.abs(net)), abs(int(net.sum()))
    total = int((sizes * np.arange(len(sizes))).sum())
    if not total:
        return 1.0
    if total > EXACT_SUM:
        spread = sqrt(float((net.astype(np.float64) ** 2).sum()))
        return erfc(seen / spread / sqrt(2))
    # the sum is total - 2 * (sum of what has a minus), of which this is the distribution
    chances = np.ones(1)
    for size in range(1, len(sizes)):
        chances = np.convolve(chances, _spread_out(_binomial(int(sizes[size])), size))
    sums = np.abs(total - 2 * np.arange(len(chances)))
    return min(1.0, float(chances[sums > seen].sum() + chances[sums == seen].sum() / 2))


def _binomial(trials: int) -> NDArray[np.float64]:
    """Chances of 0 to `trials` heads of a fair coin."""
    from scipy.special import gammaln

    heads = np.arange(trials + 1)
    ways = gammaln(trials + 1) - gammaln(heads + 1) - gammaln(trials - heads + 1)
    chances: NDArray[np.float64] = np.exp(ways - trials * np.log(2))
    return chances


def _spread_out(chances: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """The distribution of `step` times the number."""
    wide = np.zeros(step * (len(chances) - 1) + 1)
    wide[::step] = chances
    return wide
