"""Whether the points of a study have equal variances."""

from collections.abc import Mapping
from math import log


def bartlett_p(variances: Mapping[str, float], degrees: Mapping[str, float]) -> float | None:
    """The p of Bartlett's test that all variances are equal (Bartlett 1937).

    A variance of 0 is left out: accuracies are counts of images, and a few of them can be the same
    by chance. None with fewer than two variances above 0.
    """
    from scipy.special import chdtrc

    names = [name for name, variance in variances.items() if variance > 0]
    if len(names) < 2:
        return None
    total = sum(degrees[name] for name in names)
    pooled = sum(degrees[name] * variances[name] for name in names) / total
    gap = total * log(pooled) - sum(degrees[name] * log(variances[name]) for name in names)
    correction = (sum(1 / degrees[name] for name in names) - 1 / total) / (3 * (len(names) - 1))
    return float(chdtrc(len(names) - 1, max(gap, 0.0) / (1 + correction)))
