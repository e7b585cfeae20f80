"""How alike the variances of a study's points are: a test, and what each is shrunk towards.

The prior is after Smyth 2004, "Linear models and empirical Bayes methods for assessing differential
expression in microarray experiments", Section 6.2: the points' true variances are a scaled inverse
chi-square, whose two parameters follow from mean and variance of the logarithms of the measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, inf, isfinite, log

from ablations.statistics.paired import sample


@dataclass(frozen=True)
class Prior:
    """`degrees` of freedom that the common `variance` counts as, beside a point's own.

    Infinite degrees: the measured variances do not differ more than chance alone makes them, and
    every point has the common one.
    """

    degrees: float
    variance: float

    def shrink(self, variance: float, degrees: float) -> float:
        """A point's variance after it was shrunk towards the common one (Smyth's s-tilde)."""
        if not isfinite(self.degrees):
            return self.variance
        weighted = self.degrees * self.variance + degrees * variance
        return weighted / (self.degrees + degrees)


def prior_of(
    variances: Mapping[str, float], degrees: Mapping[str, float], *, pooled: float
) -> Prior:
    """The prior by the moments of log variances; `pooled` is the common variance of equal ones.

    Variances of 0 have no logarithm and are left out.
    """
    from scipy.special import polygamma, psi

    names = [name for name, variance in variances.items() if variance > 0]
    if len(names) < 2:
        return Prior(inf, pooled)
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
        return Prior(inf, pooled)
    half = trigamma_inverse(spread)
    return Prior(2 * half, exp(center.mean + float(psi(half)) - log(half)))


def trigamma_inverse(value: float) -> float:
    """The x with trigamma(x) = `value` > 0, by Newton's steps on 1 / trigamma (Smyth, appendix)."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-10 * x:
            break
    return x


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
