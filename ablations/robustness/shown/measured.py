"""What a study's runs answered, and the metrics of it, for everything that shows them."""

from dataclasses import dataclass

from ablations.compare.records import StudyRecord
from ablations.robustness.metrics.sets import MeasuredSet, measured_sets
from ablations.robustness.results.collected import Collected, collect


@dataclass(frozen=True, eq=False)
class Measured:
    """Answers about one data set, and their metrics by set of images."""

    found: Collected
    sets: tuple[MeasuredSet, ...]


def measured(study: StudyRecord) -> tuple[Measured, ...]:
    """All answers of a study, those about its own data first; none where nothing was evaluated."""
    return tuple(Measured(found, measured_sets(study, found)) for found in collect(study))
