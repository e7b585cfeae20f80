"""Which corruptions and severities a study's networks were asked about, and their errors."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ablations.robustness.metrics.errors import Errors
from ablations.robustness.results.choice import CLEAN
from ablations.robustness.results.collected import Collected
from ablations.robustness.results.kept import Indices
from datamodules.corruptions.names import CORRUPTIONS, EXTRA

IN_MEMORY = "corruptions"  # the kind of conditions that are made of the data set's own images
Run = tuple[str, int]  # point, seed


@dataclass(frozen=True, eq=False)
class CorruptionGrid:
    """The corruptions that networks can be compared under.

    Attributes:
        start: of the conditions' keys: `corruptions`, or a set of files such as `sets/imagenet_c`.
        corruptions: of the benchmark's fifteen, those with an answer for every severity.
        extra: likewise of the four others.
        severities: ascending.
        images: the numbers of the images that all runs have under all of these, and clean where
            these are images of the data set.
        runs: that answered all of these.
        partly: further runs, with the number of conditions that they answered.
        clean: whether the same images were asked about as they are.
        answered: keys of all conditions that these runs answered, also of corruptions that are left
            out for want of a severity.
    """

    start: str
    corruptions: tuple[str, ...]
    extra: tuple[str, ...]
    severities: tuple[int, ...]
    images: Indices
    runs: tuple[Run, ...]
    partly: Mapping[Run, int]
    clean: bool
    answered: frozenset[str] = frozenset()

    @property
    def conditions(self) -> tuple[str, ...]:
        """The keys of the fifteen, as far as they are there, by corruption and severity."""
        return tuple(self.key(c, s) for c in self.corruptions for s in self.severities)

    def key(self, corruption: str, severity: int) -> str:
        """The key of a condition."""
        return f"{self.start}/{corruption}/{severity}"

    @property
    def whole(self) -> bool:
        """Whether these are all of the fifteen, at all five severities."""
        return self.corruptions == CORRUPTIONS and self.severities == (1, 2, 3, 4, 5)

    def seeds(self, point: str) -> tuple[int, ...]:
        """The seeds of a point that answered all."""
        return tuple(seed for label, seed in self.runs if label == point)


@lru_cache(maxsize=64)
def corruption_grid(found: Collected, start: str = IN_MEMORY) -> CorruptionGrid | None:
    """The corruptions below a beginning of keys; None where no network answered any.

    Of runs that answered different conditions, as after a study was changed, the conditions count
    that give most numbers together, and only runs that have all of these.
    """
    each = _answered(found, start)
    if not each:
        return None
    sets = set(each.values())
    best = max(sets, key=lambda one: (len(one) * sum(one <= o for o in each.values()), sorted(one)))
    by_name: dict[str, set[int]] = {}
    for name, severity in best:
        by_name.setdefault(name, set()).add(severity)
    counts = Counter(frozenset(of) for of in by_name.values())
    severities = max(counts, key=lambda of: (counts[of], len(of)))
    rows = {name for name, of in by_name.items() if of >= severities}
    runs = tuple(run for run, of in each.items() if of >= best)
    grid = CorruptionGrid(
        start,
        corruptions=tuple(name for name in CORRUPTIONS if name in rows),
        extra=tuple(name for name in EXTRA if name in rows),
        severities=tuple(sorted(severities)),
        images=np.zeros(0, np.int64),
        runs=runs,
        partly={run: len(of) for run, of in each.items() if run not in runs},
        clean=False,
        answered=frozenset(f"{start}/{name}/{severity}" for name, severity in best),
    )
    return _with_images(found, grid)


def _answered(found: Collected, start: str) -> dict[Run, frozenset[tuple[str, int]]]:
    """By run, names and severities of the corruptions that it answered."""
    each: dict[Run, set[tuple[str, int]]] = {}
    for key in found.keys(start):
        name, _, severity = key.removeprefix(f"{start}/").partition("/")
        if name in CORRUPTIONS + EXTRA and severity.isdecimal():
            for run in found.runs(key):
                each.setdefault(run, set()).add((name, int(severity)))
    order = [run for run in found.runs_of_any() if run in each]
    return {run: frozenset(each[run]) for run in order}


def _with_images(found: Collected, grid: CorruptionGrid) -> CorruptionGrid:
    names = grid.corruptions + grid.extra
    keys = [grid.key(name, severity) for name in names for severity in grid.severities]
    images = found.shared(*keys)
    clean = set(grid.runs) <= set(found.runs(CLEAN))
    if clean and grid.start == IN_MEMORY:
        images = found.shared(CLEAN, *keys)
    elif clean:  # files of their own: the same images only where both are about all of them
        every = np.arange(len(images))
        clean = np.array_equal(images, every) and np.array_equal(found.shared(CLEAN), every)
    return replace(grid, images=images, clean=clean)


def error_rates(found: Collected, grid: CorruptionGrid, run: Run, *, extra: bool = False) -> Errors:
    """The errors of a run by corruption, one a severity; `extra`: with the four others."""
    names = grid.corruptions + (grid.extra if extra else ())
    return {
        name: np.array([error_rate(found, grid, grid.key(name, s), run) for s in grid.severities])
        for name in names
    }


@lru_cache(maxsize=1 << 16)
def error_rate(found: Collected, grid: CorruptionGrid, key: str, run: Run) -> float:
    """The share of the grid's images that a run has wrong under a condition."""
    return 1 - float(found.right(key, *run, indices=grid.images).mean())


def wrong_by_image(found: Collected, grid: CorruptionGrid, run: Run) -> NDArray[np.float64]:
    """(N,) the share of the fifteen's conditions under which a run has an image wrong."""
    total = np.zeros(len(grid.images))
    for key in grid.conditions:
        total += ~found.right(key, *run, indices=grid.images)
    return total / len(grid.conditions)
