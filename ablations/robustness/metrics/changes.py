"""How the accuracy under each corruption changed from the reference of each point.

In points of top-1, so that plus is better: the mean over severities and over the seeds that both
points have, on the same images. The standard error is over these images, of the paired difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ablations.compare.records import StudyRecord
from ablations.robustness.metrics.grid import CorruptionGrid, Run
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected
from datamodules.corruptions.names import EXTRA, GROUPS

MEAN = "mean"


@dataclass(frozen=True)
class ChangeColumn:
    """A column: `clean`, a corruption or the `mean` of the fifteen, and the corruption's group.

    Attributes:
        name: as conditions are called.
        group: noise, blur, weather, digital or extra; empty for the two others.
        keys: of the conditions that are averaged.
    """

    name: str
    group: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A change in points of top-1, and its paired standard error over images."""

    value: float
    error: float


@dataclass(frozen=True)
class CorruptionChanges:
    """The changes of a study under corruptions.

    Attributes:
        columns: from left to right.
        references: by point, what it is compared with; only points with a change.
        cells: by point, a cell a column.
        seeds: by point, those that both have.
        images: how many.
    """

    columns: tuple[ChangeColumn, ...]
    references: Mapping[str, str]
    cells: Mapping[str, tuple[Cell, ...]]
    seeds: Mapping[str, tuple[int, ...]]
    images: int


def corruption_changes(
    study: StudyRecord, found: Collected, grid: CorruptionGrid
) -> CorruptionChanges:
    """The change of each point under each corruption, where a seed is on both sides."""
    columns = change_columns(grid)
    references, cells, seeds = dict[str, str](), {}, {}
    for point in study.points:
        before = study.reference(point)
        both = set(grid.seeds(point.label)) & set(grid.seeds(before.label) if before else ())
        if before is None or not both:
            continue
        references[point.label], seeds[point.label] = before.label, tuple(sorted(both))
        pairs = [((point.label, seed), (before.label, seed)) for seed in seeds[point.label]]
        cells[point.label] = tuple(_cell(found, grid, column, pairs) for column in columns)
    return CorruptionChanges(columns, references, cells, seeds, len(grid.images))


def change_columns(grid: CorruptionGrid) -> tuple[ChangeColumn, ...]:
    """Clean, each corruption by its group, and their mean."""
    groups = {name: group for group, names in GROUPS.items() for name in names}
    named = [
        ChangeColumn(
            name,
            groups.get(name, "extra"),
            tuple(grid.key(name, severity) for severity in grid.severities),
        )
        for name in (*grid.corruptions, *(name for name in EXTRA if name in grid.extra))
    ]
    clean = [ChangeColumn("clean", "", (CLEAN,))] if grid.clean else []
    return (*clean, *named, ChangeColumn(MEAN, "", grid.conditions))


def _cell(
    found: Collected,
    grid: CorruptionGrid,
    column: ChangeColumn,
    pairs: Sequence[tuple[Run, Run]],
) -> Cell:
    change = np.zeros(len(grid.images))
    for key in column.keys:
        for after, before in pairs:
            right, was = (found.right(key, *run, indices=grid.images) for run in (after, before))
            change += right.astype(np.float64) - was
    change *= 100 / (len(column.keys) * len(pairs))
    return Cell(float(change.mean()), paired_error(change))


def paired_error(differences: NDArray[np.float64]) -> float:
    """The standard error over images of a mean of paired differences (N,); NaN of one image."""
    if len(differences) < 2:
        return float("nan")
    return float(differences.std(ddof=1)) / sqrt(len(differences))
