"""The predictions of a study's finished runs, read from their folders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.compare.records import StudyRecord
from ablations.store.finished import stamp
from ablations.store.image_predictions import ImagePredictions, read_image_predictions
from ablations.store.runs import IMAGE_PREDICTIONS, PREDICTIONS

Integers = NDArray[np.unsignedinteger[Any]]
_Run = tuple[str, int, Path, str]  # point, seed, folder, stamp of its files


@dataclass(frozen=True)
class Collected:
    """Predictions of N test images by several runs.

    Attributes:
        labels: (N,) the classes that the data set gives.
        class_names: by class.
        classes: by point and seed, the predicted classes (N,).
        problems: files that cannot be used, in sentences.
        finished: runs that could have kept predictions.
    """

    labels: Integers
    class_names: tuple[str, ...]
    classes: Mapping[str, Mapping[int, Integers]]
    problems: tuple[str, ...]
    finished: int

    @property
    def runs(self) -> int:
        """How many runs' predictions these are."""
        return sum(map(len, self.classes.values()))

    def right(self, point: str, seeds: Sequence[int]) -> NDArray[np.bool_]:
        """(N, seeds) whether the runs of a point are right."""
        return np.stack([self.classes[point][seed] == self.labels for seed in seeds], axis=1)


def collect(study: StudyRecord) -> Collected | None:
    """The predictions of all finished runs; None where there are neither any nor problems."""
    files = (IMAGE_PREDICTIONS, PREDICTIONS)
    runs = [
        (point.label, run.seed, run.folder, stamp(run.folder, files))
        for point in study.points
        for run in point.done
    ]
    found = _collect(tuple(runs))
    return found if found.runs or found.problems else None


@lru_cache(maxsize=1)  # sections, figures and files of one report are about the same runs
def _collect(runs: tuple[_Run, ...]) -> Collected:
    first: ImagePredictions | None = None
    classes: dict[str, dict[int, Integers]] = {}
    problems = []
    for point, seed, folder, _ in runs:
        try:
            found = read_image_predictions(folder)
        except ValueError as error:
            problems.append(f"{error}.")
            continue
        if found is None:
            continue
        first = first or found
        if _same_images(found, first):
            classes.setdefault(point, {})[seed] = found.classes
        else:
            path = folder / IMAGE_PREDICTIONS
            problems.append(f"{path} is of other test images than those of the first run.")
    labels, names = (first.labels, first.class_names) if first else (np.zeros(0, np.uint8), ())
    return Collected(labels, names, classes, tuple(problems), len(runs))


def _same_images(one: ImagePredictions, other: ImagePredictions) -> bool:
    """As far as labels and class names can tell."""
    return one.class_names == other.class_names and np.array_equal(one.labels, other.labels)
