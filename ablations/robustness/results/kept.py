"""The answers to one condition, of all runs of a study, and the images that all of them have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.robustness.conditions.arrays import CORRECT, Arrays
from ablations.robustness.results.choice import Entry
from ablations.robustness.results.image_lists import LIST, ImageList, images_of

# Answers that are not by image: that of a network whole, and which blocks were taken out.
_NOT_BY_IMAGE = ("analyses/kernel_distance", "analyses/receptive_field")
_REMOVED = "removed"
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """The answers to one condition.

    Attributes:
        key: the condition, such as `corruptions/fog/3`.
        version: of its definition.
        parameters: of the condition, as one of the runs has them.
        images: what they are about, as one of the runs has it, without the list.
        shared: the images that all runs have.
        most: how many images the run has that has most.
        answers: by point and seed; a run may have been asked about several lists of images.
        rights: by file, whether the run is right, where the answers are one class an image.
    """

    key: str
    version: int
    parameters: Mapping[str, Any]
    images: Mapping[str, Any]
    shared: ImageList
    most: int
    answers: Mapping[str, Mapping[int, tuple[Entry, ...]]]
    rights: Mapping[Path, NDArray[np.bool_]]

    @property
    def count(self) -> int:
        """How many images all runs have."""
        return len(self.shared.indices)

    def has(self, point: str, seed: int) -> bool:
        """Whether a run answered."""
        return seed in self.answers.get(point, {})

    def arrays(self, point: str, seed: int, *, indices: Indices | None = None) -> Arrays:
        """The answers of a run, by image for `indices` in that order.

        Without `indices` for all images that all runs have, in the order of `shared`.
        Raises ValueError, naming the file, when it is damaged.
        """
        wanted = self.shared.indices if indices is None else indices
        return _joined(self.answers[point][seed], wanted, by_image=self.key not in _NOT_BY_IMAGE)

    def right(self, point: str, seed: int, *, indices: Indices | None = None) -> NDArray[np.bool_]:
        """(N,) whether a run is right, image by image, of a condition that is about classes.

        `indices` as for `arrays`. Nothing is read again.
        """
        wanted = self.shared.indices if indices is None else indices
        parts = self.answers[point][seed]
        each = [self.rights[part.answer.path] for part in parts]
        lists = [images_of(part.folder, part.image_list).indices for part in parts]
        return each[0] if np.array_equal(lists[0], wanted) else _taken(each, lists, wanted)


def read(entries: Iterable[Entry], problems: list[str]) -> dict[Entry, NDArray[np.bool_] | None]:
    """Whether each run is right, image by image; what cannot be read is told, and left out."""
    found: dict[Entry, NDArray[np.bool_] | None] = {}
    for entry in entries:
        try:
            right = entry.answer.arrays().get(CORRECT)
            images_of(entry.folder, entry.image_list)
        except ValueError as error:
            problems.append(f"{error}.")
        else:
            found[entry] = right if right is not None and right.ndim == 1 else None
    return found


def kept_of(key: str, entries: Mapping[Entry, NDArray[np.bool_] | None]) -> Kept:
    """The answers to a condition, from what `read` gave, which has one at least."""
    answers: dict[str, dict[int, list[Entry]]] = {}
    for entry in sorted(entries, key=lambda one: one.answer.written, reverse=True):
        of_run = answers.setdefault(entry.point, {}).setdefault(entry.seed, [])
        if entry.image_list not in [one.image_list for one in of_run]:
            of_run.append(entry)
    every = [tuple(one) for seeds in answers.values() for one in seeds.values()]
    shared, most = _shared(every)
    decides = every[0][0].answer.decides
    return Kept(
        key,
        version=decides["version"],
        parameters=decides["parameters"],
        images={name: value for name, value in decides["images"].items() if name != LIST},
        shared=shared,
        most=most,
        answers={p: {s: tuple(one) for s, one in by.items()} for p, by in answers.items()},
        rights={one.answer.path: right for one, right in entries.items() if right is not None},
    )


def _shared(runs: Sequence[tuple[Entry, ...]]) -> tuple[ImageList, int]:
    """The images that every run has; how many the run has that has most."""
    lists = {one.image_list: images_of(one.folder, one.image_list) for run in runs for one in run}
    if len(lists) == 1:
        (only,) = lists.values()
        return only, len(only.indices)
    asked = {tuple(sorted(one.image_list for one in run)) for run in runs}
    each = [np.unique(np.concatenate([lists[name].indices for name in names])) for names in asked]
    shared = reduce(np.intersect1d, each)
    numbers = np.concatenate([one.indices for one in lists.values()])
    labels = np.concatenate([one.labels for one in lists.values()])
    first = np.unique(numbers, return_index=True)
    return ImageList(shared, labels[first[1][np.searchsorted(first[0], shared)]]), max(
        map(len, each)
    )


def _joined(parts: Sequence[Entry], wanted: Indices, *, by_image: bool) -> Arrays:
    """The answers of a run about the wanted images, from all that it was asked."""
    newest = parts[0].answer.arrays()
    lists = [images_of(part.folder, part.image_list).indices for part in parts]
    if not by_image or np.array_equal(lists[0], wanted):
        return newest
    each = [part.answer.arrays() for part in parts]
    return {
        name: _taken([one[name] for one in each], lists, wanted)
        if name != _REMOVED and array.ndim and len(array) == len(lists[0])
        else array
        for name, array in newest.items()
    }


def _taken(each: Sequence[NDArray[Any]], lists: Sequence[Indices], wanted: Indices) -> NDArray[Any]:
    """The rows of the wanted images, from arrays with a row for each image of a list."""
    numbers = np.concatenate(lists)
    order = np.argsort(numbers, kind="stable")
    places = order[np.searchsorted(numbers, wanted, sorter=order).clip(max=len(order) - 1)]
    if not np.array_equal(numbers[places], wanted):
        raise ValueError("some of these images were not asked about")
    taken: NDArray[Any] = np.concatenate(each)[places]
    return taken
