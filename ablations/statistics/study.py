"""The statistics of a whole study: its noise, whether points differ at all, what was published."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from ablations.statistics.agreement import Agreement, agreement
from ablations.statistics.moderated import StudyVariance, study_variance
from ablations.statistics.permutation import PermutationTest, any_difference
from ablations.statistics.two_way import Values


@dataclass(frozen=True)
class StudyStatistics:
    """What holds for a study and not for one of its points; None: cannot be told.

    Attributes:
        noise: of one run.
        any_difference: permutation test that all points are the same.
        differences: measured and published differences, compared.
        levels: measured and published accuracies, compared.
    """

    noise: StudyVariance | None
    any_difference: PermutationTest | None
    differences: Agreement | None
    levels: Agreement | None

    def plain(self) -> dict[str, Any]:
        """As plain data, in the report's statistics.json."""
        return {
            "noise": self.noise and plain_variance(self.noise),
            "any_difference": self.any_difference and asdict(self.any_difference),
            "differences": self.differences and asdict(self.differences),
            "levels": self.levels and asdict(self.levels),
        }


def plain_variance(noise: StudyVariance) -> dict[str, Any]:
    """A study's noise as plain data; `prior_degrees` is None where it is infinite."""
    prior = noise.prior_degrees
    return {
        "method": noise.method,
        "pooled_std": noise.pooled_std,
        "pooled_degrees": noise.pooled_degrees,
        "prior_degrees": prior if isfinite(prior) else None,
        "equal_p": noise.equal_p,
        "seed_p": noise.seed_p,
        "correlation": noise.correlation,
        "seeds_taken_out": noise.paired,
    }


def study_statistics(
    values: Values,
    *,
    differences: Mapping[str, tuple[float, float]],
    levels: Mapping[str, tuple[float, float]],
) -> StudyStatistics:
    """The statistics of a study.

    Args:
        values: by point and seed.
        differences: measured and published difference of each point that has both.
        levels: measured and published value of each point that has both.
    """
    return StudyStatistics(
        study_variance(values),
        any_difference(values),
        _agreement(differences),
        _agreement(levels),
    )


def _agreement(pairs: Mapping[str, tuple[float, float]]) -> Agreement | None:
    return agreement([a for a, _ in pairs.values()], [b for _, b in pairs.values()])
