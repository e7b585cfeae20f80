"""What a number of seeds can show: the difference that a test finds with a given probability.

A difference of two points' means is tested as reports test it: with the study's common variance,
and the degrees of freedom that `moderated.difference` would have with those seeds. The difference
that is found with probability `POWER` follows from the noncentral t distribution.
"""

from dataclasses import dataclass
from math import inf, sqrt

from ablations.statistics.moderated import StudyVariance
from ablations.statistics.paired import CONFIDENCE, SIGNIFICANCE
from ablations.statistics.permutation import smallest_p

POWER = 0.8
MOST_SEEDS = 10_000


@dataclass(frozen=True)
class Comparison:
    """The differences of a study, before they are measured.

    Attributes:
        std: standard deviation of one run, in points of top-1.
        points: of the study, whose runs share the variance.
        family: differences that are tested together, of which Holm's procedure looks at the one
            with the smallest p first, at `SIGNIFICANCE / family`.
        prior_degrees: as in `StudyVariance`.
    """

    std: float
    points: int
    family: int
    prior_degrees: float = inf

    def degrees(self, seeds: int) -> float:
        """Degrees of freedom of a difference with so many seeds of every point.

        What seeds have in common is taken out, as reports do wherever points share them.
        """
        own = (seeds - 1) * (self.points - 1) / self.points
        return min(2 * own + self.prior_degrees, self.points * own)

    def error(self, seeds: int) -> float:
        """Standard error of a difference."""
        return self.std * sqrt(2 / seeds)

    def half_width(self, seeds: int) -> float:
        """Half the 95 % interval of a difference."""
        from scipy.special import stdtrit

        return float(stdtrit(self.degrees(seeds), 0.5 + CONFIDENCE / 2)) * self.error(seeds)

    def detectable(self, seeds: int, *, holm: bool = False) -> float:
        """The difference whose two-sided test is significant with probability `POWER`.

        With `holm`, of the first that Holm's procedure looks at.
        """
        from scipy.special import nctdtrinc, stdtrit

        degrees = self.degrees(seeds)
        level = SIGNIFICANCE / self.family if holm else SIGNIFICANCE
        # significant with the other sign is so improbable that it does not show
        threshold = float(stdtrit(degrees, 1 - level / 2))
        return float(nctdtrinc(degrees, 1 - POWER, threshold)) * self.error(seeds)

    def seeds_to_detect(self, difference: float, *, holm: bool = False) -> int | None:
        """The fewest seeds that find a difference; None: not even `MOST_SEEDS` do."""
        low, high = 1, 2  # too few, and enough as soon as the loop ends
        while self.detectable(high, holm=holm) > difference:
            low, high = high, 2 * high
            if low >= MOST_SEEDS:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            enough = self.detectable(middle, holm=holm) <= difference
            low, high = (low, middle) if enough else (middle, high)
        return high


def comparison_of(noise: StudyVariance, *, points: int, family: int) -> Comparison:
    """The differences of a study of which some runs are finished."""
    return Comparison(noise.pooled_std, points, family, noise.prior_degrees)


@dataclass(frozen=True)
class PowerRow:
    """What so many seeds of every point show, and what they cost.

    Attributes:
        half_width: of the 95 % interval of a difference, in points of top-1.
        detectable: the difference that is found, and that which Holm's first step finds.
        smallest_p: that an exact sign-flip test of one difference can give.
        seconds: of training, summed over the runs; None: not known.
    """

    seeds: int
    half_width: float
    detectable: float
    detectable_holm: float
    smallest_p: float
    runs: int
    seconds: float | None


def power_row(comparison: Comparison, seeds: int, *, seconds: float | None) -> PowerRow:
    """The row of a number of seeds; `seconds` are those of one seed of all points."""
    return PowerRow(
        seeds,
        comparison.half_width(seeds),
        comparison.detectable(seeds),
        comparison.detectable(seeds, holm=True),
        smallest_p(seeds),
        comparison.points * seeds,
        None if seconds is None else seeds * seconds,
    )


@dataclass(frozen=True)
class Detected:
    """The fewest seeds that find a difference, and as Holm's first step; None: too many."""

    difference: float
    seeds: int | None
    seeds_holm: int | None


def detected(comparison: Comparison, difference: float) -> Detected:
    """The fewest seeds for a difference in points of top-1."""
    few, holm = (comparison.seeds_to_detect(difference, holm=holm) for holm in (False, True))
    return Detected(difference, few, holm)


def std_interval(std: float, degrees: float) -> tuple[float, float]:
    """The 95 % interval of a standard deviation, by the chi-square distribution."""
    from scipy.special import chdtri

    tails = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    low, high = (std * sqrt(degrees / float(chdtri(degrees, tail))) for tail in tails)
    return low, high
