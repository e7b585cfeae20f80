"""Heat maps of answers: changes under corruptions, and flips along sequences."""

from collections.abc import Sequence

import numpy as np

from ablations.compare.records import StudyRecord
from ablations.robustness.metrics.accuracy import flip_probability, perturbations
from ablations.robustness.metrics.changes import CorruptionChanges
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import condition_title
from ablations.robustness.shown.figures.heat_map import HeatMap
from datamodules.perturbations.names import NOISE

CLEAR = 2.0  # standard errors over the images, from which on a change has a colour


def change_map(study: StudyRecord, found: CorruptionChanges, *, heading: str) -> HeatMap:
    """The changes of every point that has some, a column a corruption."""
    titles = {point.label: point.title for point in study.points}
    values = np.array([[cell.value for cell in cells] for cells in found.cells.values()])
    errors = np.array([[cell.error for cell in cells] for cells in found.cells.values()])
    return HeatMap(
        heading=f"{heading}: change of top-1 in points",
        rows=tuple(titles[label] for label in found.cells),
        columns=tuple((one.group, condition_title(one.name)) for one in found.columns),
        values=values,
        clear=np.abs(values) > CLEAR * errors,
    )


def flip_map(study: StudyRecord, collected: Collected, start: str) -> HeatMap | None:
    """Flips in percent of the pairs of frames, mean over seeds; None without sequences."""
    keys = perturbations(collected, start)
    shares = [flip_probability(collected, key) for key in keys]
    points = [point for point in study.points if any(point.label in by for by in shares)]
    if not points:
        return None
    values = np.full((len(points), len(keys) + 1), np.nan)
    for row, point in enumerate(points):
        for column, by_seed in enumerate(shares):
            if by_seed.get(point.label):
                values[row, column] = 100 * np.mean(list(by_seed[point.label].values()))
        values[row, -1] = values[row, :-1].mean()  # NaN where one lacks
    return HeatMap(
        heading="pairs of frames with another class (%)",
        rows=tuple(point.title for point in points),
        columns=(*_columns(keys), ("", "mean")),
        values=values,
        changes=False,
    )


def _columns(keys: Sequence[str]) -> list[tuple[str, str]]:
    names = [key.rpartition("/")[2] for key in keys]
    return [
        ("to the first frame" if name in NOISE else "to the frame before", condition_title(name))
        for name in names
    ]
