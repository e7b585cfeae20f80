"""What is known of clean accuracy and of that on other images, for the scatter plot."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ablations.compare.records import StudyRecord
from ablations.compare.words import plural
from ablations.robustness.metrics.accuracy import BySeed, accuracy
from ablations.robustness.metrics.corrupted import accuracy_pairs, rates_of
from ablations.robustness.metrics.effective import FEWEST_POINTS, fit
from ablations.robustness.metrics.grid import CorruptionGrid, Run, corruption_grid
from ablations.robustness.metrics.sets import CORRUPTED
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.titles import set_title
from ablations.robustness.shown.figures.scatter import ScatterPanel, ScatterPoint

# Public sets whose images are of the data set's classes, with one accuracy each.
SHIFTED = ("sets/imagenet_a", "sets/imagenet_r", "sets/imagenet_sketch", "sets/stylized")
Pairs = Mapping[Run, tuple[float, float]]  # shares of right answers, clean and changed


def shift_panels(study: StudyRecord, collected: Collected) -> tuple[ScatterPanel, ...]:
    """A panel for the corruptions of each origin and for each set of other images."""
    return tuple(_panels(study, collected))


def _panels(study: StudyRecord, collected: Collected) -> Iterator[ScatterPanel]:
    for start in CORRUPTED:
        grid = corruption_grid(collected, start)
        if grid is not None and grid.clean and grid.corruptions:
            pairs = accuracy_pairs(rates_of(collected, grid))
            title = f"{set_title(study, collected, start)}: {_severities(grid)}"
            yield from _panel(study, pairs, title, "mean top-1 (%)", images=len(grid.images))
    for key in SHIFTED:
        if key in collected.kept and CLEAN in collected.kept:
            both = accuracy(collected, CLEAN), accuracy(collected, key)
            images = min(collected.kept[key].count, collected.kept[CLEAN].count)
            title = set_title(study, collected, key)
            yield from _panel(study, _pairs(*both), title, "top-1 (%)", images=images)


def _severities(grid: CorruptionGrid) -> str:
    of = "severity" if len(grid.severities) == 1 else "severities"
    count = len(grid.corruptions)
    return f"mean of {plural(count, 'corruption')}, {of} {', '.join(map(str, grid.severities))}"


def _pairs(clean: BySeed, changed: BySeed) -> Pairs:
    return {
        (point, seed): (clean[point][seed] / 100, value / 100)
        for point, by_seed in changed.items()
        for seed, value in by_seed.items()
        if seed in clean.get(point, {})
    }


def _panel(
    study: StudyRecord, pairs: Pairs, title: str, y_label: str, *, images: int
) -> Iterator[ScatterPanel]:
    by_point: dict[str, dict[int, tuple[float, float]]] = {}
    for (label, seed), pair in pairs.items():
        by_point.setdefault(label, {})[seed] = pair
    points = tuple(
        ScatterPoint(
            point.label,
            point.title,
            {seed: _percent(pair[0], images) for seed, pair in by_point[point.label].items()},
            {seed: _percent(pair[1], images) for seed, pair in by_point[point.label].items()},
        )
        for point in study.points
        if point.label in by_point
    )
    if points:
        title = f"{title}, {plural(images, 'image')}"
        yield ScatterPanel(title, y_label, points, _line(by_point, images))


def _percent(share: float, images: int) -> float:
    """Half an image away from 0 and 100 %, whose logits are infinite."""
    return 100 * float(np.clip(share, 0.5 / images, 1 - 0.5 / images))


def _line(
    by_point: Mapping[str, Mapping[int, tuple[float, float]]], images: int
) -> Callable[[float], float] | None:
    """Through the means of all points; None of fewer than effective robustness takes."""
    means = {
        label: (
            float(np.mean([clean for clean, _ in pairs.values()])),
            float(np.mean([changed for _, changed in pairs.values()])),
        )
        for label, pairs in by_point.items()
    }
    if len({clean for clean, _ in means.values()}) < FEWEST_POINTS:
        return None
    line = fit(means, images=images)
    if line is None:
        return None
    return lambda clean: 100 * line.predict(clean / 100, images=images)
