"""The answers of a study's finished runs, read from their folders: what metrics are computed from.

Everything that is compared is compared on the images that all of it has. Nothing here needs torch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ablations.compare.records import StudyRecord
from ablations.robustness.conditions.arrays import Arrays
from ablations.robustness.results.choice import (
    CHECKPOINT,
    Asked,
    Entry,
    by_asked,
    is_current,
    with_one_definition,
)
from ablations.robustness.results.kept import Indices, Kept, kept_of, read
from ablations.robustness.results.stored import FOLDER, MANIFEST, answered
from ablations.store.finished import stamp

_Run = tuple[str, int, Path, str]  # point, seed, folder, stamp of its files


@dataclass(frozen=True, eq=False)
class Collected:
    """The answers of a study about one data set, and about the images that conditions bring.

    Attributes:
        asked: what all of them have in common.
        points: labels of the points that have answers, in the order of the study.
        kept: by condition.
        stale: how many answers are left out, and have none in their place: to an earlier
            definition, of other weights, or with other parameters than the last ones.
        problems: what cannot be used, in sentences.
    """

    asked: Asked
    points: tuple[str, ...]
    kept: Mapping[str, Kept]
    stale: int
    problems: tuple[str, ...]

    def keys(self, start: str) -> tuple[str, ...]:
        """The conditions whose key is `start` or begins with it and `/`."""
        return tuple(key for key in self.kept if f"{key}/".startswith(f"{start}/"))

    def runs(self, *keys: str) -> tuple[tuple[str, int], ...]:
        """Points and seeds that answered all of these conditions."""
        if not all(key in self.kept for key in keys) or not keys:
            return ()
        first = self.kept[keys[0]].answers
        return tuple(
            (point, seed)
            for point in self.points
            for seed in sorted(first.get(point, {}))
            if all(self.kept[key].has(point, seed) for key in keys)
        )

    def runs_of_any(self) -> tuple[tuple[str, int], ...]:
        """Points and seeds that answered anything, in the order of the study."""
        found = {
            (p, s) for kept in self.kept.values() for p, of in kept.answers.items() for s in of
        }
        place = {point: number for number, point in enumerate(self.points)}
        return tuple(sorted(found, key=lambda run: (place[run[0]], run[1])))

    def seeds(self, point: str, *keys: str) -> tuple[int, ...]:
        """The seeds of a point that answered all of these conditions."""
        return tuple(seed for label, seed in self.runs(*keys) if label == point)

    def shared(self, *keys: str) -> Indices:
        """(N,) the numbers of the images that all runs have of all these conditions, ascending."""
        each = [np.sort(self.kept[key].shared.indices) for key in dict.fromkeys(keys)]
        first = each[0]
        for other in each[1:]:
            if first is not other and not np.array_equal(first, other):
                first = np.intersect1d(first, other, assume_unique=True)
        return first

    def arrays(self, key: str, point: str, seed: int, *, indices: Indices | None = None) -> Arrays:
        """The answers of a run; see `Kept.arrays`."""
        return self.kept[key].arrays(point, seed, indices=indices)

    def right(
        self, key: str, point: str, seed: int, *, indices: Indices | None = None
    ) -> NDArray[np.bool_]:
        """(N,) whether a run is right, image by image; see `Kept.right`."""
        return self.kept[key].right(point, seed, indices=indices)


def collect(study: StudyRecord) -> tuple[Collected, ...]:
    """The answers of all finished runs, of the study's own data set first; none without answers.

    A set of answers for each data set that the networks were asked about, and for raw weights and
    moving averages, other seeds and precisions. Damaged files are told, and left out.
    """
    files = (f"{FOLDER}/{MANIFEST}", CHECKPOINT)
    runs = [
        (point.label, run.seed, run.folder, stamp(run.folder, files))
        for point in study.points
        for run in point.done
    ]
    return _collect(tuple(runs), study.config.get("data", {}).get("name"))


@lru_cache(maxsize=1)  # tables, figures and files of one report are about the same runs
def _collect(runs: tuple[_Run, ...], own: str | None) -> tuple[Collected, ...]:
    current, old, problems = list[Entry](), list[Entry](), list[str]()
    for point, seed, folder, _ in runs:
        try:
            found = answered(folder)
        except ValueError as error:
            problems.append(f"{error}.")
            continue
        for answer in found.values():
            entry = Entry(point, seed, folder, answer)
            (current if is_current(entry) else old).append(entry)
    order = tuple(dict.fromkeys(point for point, *_ in runs))
    groups = by_asked(current, own=own)
    if not groups and (old or problems):  # something to say, and no answer that counts
        groups = {old[0].asked() if old else Asked("", "raw", 0, ""): []}
    return tuple(
        _about(asked, entries, order, old=() if number else old, said=() if number else problems)
        for number, (asked, entries) in enumerate(groups.items())
    )


def _about(
    asked: Asked,
    entries: Sequence[Entry],
    order: Sequence[str],
    *,
    old: Sequence[Entry],
    said: Iterable[str],
) -> Collected:
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.key, []).append(entry)
    kept, left_out, problems = dict[str, Kept](), list(old), list(said)
    for key, found in by_key.items():
        counted, others = with_one_definition(found)
        left_out += others
        usable = read(counted, problems)
        if usable:
            kept[key] = kept_of(key, usable)
    having = {point for one in kept.values() for point in one.answers}
    points = tuple(point for point in order if point in having)
    renewed = {e for e in left_out if e.key in kept and kept[e.key].has(e.point, e.seed)}
    return Collected(asked, points, kept, len(left_out) - len(renewed), tuple(problems))
