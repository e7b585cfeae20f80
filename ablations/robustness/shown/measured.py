"""What a study's runs answered, and the metrics of it, for everything that shows them."""

from dataclasses import dataclass, replace

from ablations.compare.records import StudyRecord
from ablations.robustness.metrics.sets import MeasuredSet, measured_sets
from ablations.robustness.results.collected import Collected, collect


@dataclass(frozen=True, eq=False)
class Measured:
    """Answers about one data set, and their metrics by set of images."""

    found: Collected
    sets: tuple[MeasuredSet, ...]


def measured(study: StudyRecord) -> tuple[Measured, ...]:
    """All answers of a study, those about its own data first; none where nothing was evaluated.

    No two sets of images have one title: files of a data set that changed have a number behind it.
    """
    found, titles = list[Measured](), dict[str, int]()
    for collected in collect(study):
        sets = []
        for of in measured_sets(study, collected):
            titles[of.title] = titles.get(of.title, 0) + 1
            count = titles[of.title]
            sets.append(of if count == 1 else replace(of, title=f"{of.title} ({count})"))
        found.append(Measured(collected, tuple(sets)))
    return tuple(found)
