"""The files of a part of a public set, checked before anybody is asked about them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.benchmarks import videos
from datamodules.benchmarks.classes import (
    imagenet_9_folders,
    imagenet_subset,
    imagenet_synsets,
)
from datamodules.benchmarks.entries import PublicSet
from datamodules.benchmarks.search import Part
from datamodules.catalog.folders import File, SplitFolder, list_split, some
from datamodules.catalog.layout import Tree
from datamodules.decoding.decode import image_size
from datamodules.sets.scan import bad_files
from datamodules.sets.sources import DataWarning


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a part, by class folder and name. Their paths are megabytes: see `paths`.

    Attributes:
        part: which.
        labels: (N,) int64, in the classes that answers are judged by; -1: the image shows none.
        content: SHA-256 of the names and sizes of the files.
    """

    part: Part
    labels: NDArray[np.int64]
    content: str

    def paths(self) -> NDArray[np.bytes_]:
        """(N,) file system paths as bytes. Raises ValueError where files went or came since."""
        split = list_split(self.part.path)
        if len(split.files) != len(self.labels):
            raise ValueError(f"{split.folder} has changed since it was checked: start again")
        return np.array([os.fsencode(split.folder / file.path) for file in split.files])


def class_folders(entry: PublicSet, class_names: Sequence[str]) -> tuple[str, ...]:
    """The names that a set's class folders must have, sorted.

    Args:
        entry: the set.
        class_names: of the data that networks were trained on, by label.
    """
    if entry.classes == "imagenet_9":
        return imagenet_9_folders()
    if entry.classes == "own":
        return tuple(sorted(class_names))
    synsets = imagenet_synsets()
    if entry.classes == "imagenet":
        return synsets
    return tuple(synsets[number] for number in imagenet_subset(entry.classes))


def folder_labels(entry: PublicSet, class_names: Sequence[str]) -> NDArray[np.int64]:
    """The label of each class folder's images, in the order of the sorted folders."""
    names = class_folders(entry, class_names)
    if entry.classes in ("imagenet_a", "imagenet_r"):
        return np.array(imagenet_subset(entry.classes), np.int64)
    if entry.classes == "imagenet_o":  # the folder is what a ResNet-50 took the image for
        return np.full(len(names), -1, np.int64)
    if entry.classes == "own":
        return np.array([class_names.index(name) for name in names], np.int64)
    return np.arange(len(names), dtype=np.int64)


@lru_cache(maxsize=256)  # a set has up to 95 parts, each looked at twice
def listed(part: Part, class_names: tuple[str, ...]) -> Listing:
    """The files of a part with class folders, once all has been found to be as it should.

    Raises:
        ValueError: its class folders are others, one is empty, their files are fewer or more, or
            the first or last file of a class cannot be opened or is too small.
    """
    split = list_split(part.path)
    check_classes(split, class_folders(part.entry, class_names))
    _check_count(split, part)
    _check_files(split, part.entry)
    labels = folder_labels(part.entry, class_names)
    return Listing(
        part=part,
        labels=labels[[file.label for file in split.files]],
        content=Tree(split.folder, {"train": split}, None, ()).fingerprint(),
    )


def check_classes(split: SplitFolder, expected: Sequence[str]) -> None:
    """Raise ValueError where class folders are others than expected, or one is empty."""
    missing = sorted(set(expected) - set(split.class_names))
    beside = sorted(set(split.class_names) - set(expected))
    if missing or beside:
        raise ValueError(
            f"{split.folder}: {len(split.class_names):,} class folders, {len(expected):,} expected"
            + (f"; missing {some(missing)}" if missing else "")
            + (f"; no class of it: {some(beside)}" if beside else "")
        )
    if split.unusable:
        path, why = next(iter(split.unusable.items()))
        raise ValueError(f"{split.folder / path}: {why}")
    counts = zip(split.class_names, split.class_counts, strict=True)
    empty = [name for name, count in counts if count == 0]
    if empty:
        raise ValueError(f"{split.folder}: no image in {some(empty)}: the copy is incomplete")


def _check_count(split: SplitFolder, part: Part) -> None:
    found, expected = len(split.files), part.entry.images
    if found == expected:
        return
    files = "videos" if part.entry.layout == "videos" else "images"
    text = f"{split.folder}: {found:,} {files}, {expected:,} expected"
    if part.entry.exact:
        why = "the copy is incomplete" if found < expected else "there are others among them"
        raise ValueError(f"{text}: {why}")
    warnings.warn(f"{text}; copies differ, so all are used", DataWarning, stacklevel=3)


def _check_files(split: SplitFolder, entry: PublicSet) -> None:
    """Open the first and the last file of every class."""
    ends = _first_and_last(split.files)
    if entry.layout == "videos":
        for file in (ends[0], ends[-1]):  # a video takes as long as 31 images
            videos.frames(split.folder / file.path)
        return
    bad = bad_files(split.folder, ends, full=False)
    if bad:
        path, why = next(iter(bad.items()))
        raise ValueError(f"{split.folder / path} cannot be opened ({why}): get the set again")
    if entry.side is not None:
        check_side(split.folder / ends[0].path, image_size(split.folder / ends[0].path), entry.side)


def check_side(path: str | Path, size: tuple[int, int], side: int) -> None:
    """Raise ValueError for a file of `size` (width, height) that is smaller than it should be."""
    if min(size) < side:
        raise ValueError(
            f"{os.fspath(path)} is {size[0]} x {size[1]} px, but {side} x {side} are expected: "
            "these files are used as they are, never resized"
        )


def _first_and_last(files: Sequence[File]) -> list[File]:
    """Of every class; `files` are sorted by class."""
    found: dict[str, File] = {}
    for _, group in groupby(files, key=attrgetter("label")):
        of_class = list(group)
        found |= {file.path: file for file in (of_class[0], of_class[-1])}
    return list(found.values())
