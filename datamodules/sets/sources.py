"""What reading a data set gives, and the one way to read it."""

from __future__ import annotations

import fcntl
import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.file import Beton
from datamodules.catalog.freshness import check_fresh
from datamodules.catalog.resolved import Data, fetchable, missing, resolve
from datamodules.config.data import DataConfig, data_root
from datamodules.config.info import DatasetInfo


class DataWarning(UserWarning):
    """Something is odd about a data set that can be used all the same."""


class LeftOutWarning(DataWarning):
    """Files were left out since they cannot be read."""


@contextmanager
def noted() -> Iterator[list[DataWarning]]:
    """Collect what there is to know about data in a list; other warnings are shown as ever."""
    found: list[DataWarning] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DataWarning)
        yield found
    for warning in said:
        if isinstance(warning.message, DataWarning):
            found.append(warning.message)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


@dataclass(frozen=True)
class ArrayImages:
    """Images in memory.

    Attributes:
        pixels: (N, C, H, W) uint8.
        labels: (N,) int64.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class FileImages:
    """Images as files, decoded when they are asked for.

    Attributes:
        paths: (N,) file system paths as bytes; an array, since worker processes that count
            references in a million strings would copy all of them.
        labels: (N,) int64.
    """

    paths: NDArray[np.bytes_]
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BetonImages:
    """Some samples of a `.beton`, one after another, decoded when they are asked for.

    Attributes:
        beton: the file.
        samples: which of its samples.
    """

    beton: Beton
    samples: range

    @property
    def labels(self) -> NDArray[np.int64]:
        """Classes, (N,) int64."""
        return self.beton.labels[self.samples.start : self.samples.stop]


Images = ArrayImages | FileImages | BetonImages


@dataclass(frozen=True)
class Source:
    """A data set as its owners split it; `val` only if they have one beside `test`."""

    train: Images
    test: Images
    class_names: tuple[str, ...]
    val: Images | None = None


def load_source(config: DataConfig) -> Source:
    """Read the data set, after fetching it where that is needed and allowed.

    Raises:
        ValueError: it is not there, it is incomplete, or files of it cannot be read.
    """
    return read_data(resolve(config))


def read_data(data: Data) -> Source:
    """`load_source` of what is resolved already."""
    ensure_present(data)
    check_fresh(data)
    info, config = data.info, data.config
    if data.reads_beton:
        load: Callable[..., Source] = _function("datamodules.sets.beton_images:beton_images")
    else:
        load = _function(info.load)
    source = load(info, config)
    if callable(info.load):
        check_source(info, source)
    _check_sizes(info, config, source)
    return source


def ensure_present(data: Data) -> None:
    """Fetch the data set if it is missing; of several processes only one does."""
    why = missing(data)
    if why is None:
        return
    if not fetchable(data):
        raise ValueError(why)
    with data_folder_lock(data_root(data.config)):
        if missing(data) is not None:
            _fetch(data.info, data.config)


@contextmanager
def data_folder_lock(root: Path) -> Iterator[None]:
    """Exclusive lock on the data folder, between the processes of this machine."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        # never emptied, and not through a link: the name may be somebody else's file
        file = os.fdopen(os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644))
    except OSError as error:
        raise ValueError(f"The data folder {root} cannot be written: {error}.") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(info: DatasetInfo, config: DataConfig) -> None:
    assert info.fetch is not None
    root = data_root(config)
    try:
        _function(info.fetch)(info, root)
    except (OSError, RuntimeError) as error:  # what urllib and torchvision raise
        by_hand = info.how_to_get.format(root=root, folder=config.folder)
        raise ValueError(
            f"Could not download {info.name} ({error}). By hand: {by_hand}."
        ) from error


def _function(name: str | Callable[..., Any]) -> Callable[..., Any]:
    if callable(name):
        return name
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function


def _check_sizes(info: DatasetInfo, config: DataConfig, source: Source) -> None:
    found = (len(source.train.labels), len(source.test.labels))
    # Files left out on request change the count; then it says nothing.
    if info.sizes is None or found == info.sizes or config.bad_images == "skip":
        return
    raise ValueError(
        f"{info.name} under {data_root(config)} has {found[0]} training and {found[1]} test images "
        f"but should have {info.sizes[0]} and {info.sizes[1]}: the copy is incomplete. Delete it "
        "and get it again."
    )


def check_source(info: DatasetInfo, source: Source) -> None:
    """Refuse what the load function of a data set gave, if it is not as `info` says.

    Raises:
        ValueError: with what was found and what was expected.
    """
    if not isinstance(source, Source):
        raise ValueError(f"{info.name}: its load function gave no Source but {source!r:.60}")
    classes = len(source.class_names)
    if info.num_classes not in (None, classes):
        raise ValueError(
            f"{info.name}: its load function gave {classes} class names, but num_classes is "
            f"{info.num_classes}"
        )
    for part in ("train", "val", "test"):
        images = getattr(source, part)
        wrong = None if images is None else _wrong(info, images, classes)
        if wrong is not None:
            raise ValueError(f"{info.name}: its load function gave {part} images whose {wrong}")


def _wrong(info: DatasetInfo, images: Images, classes: int) -> str | None:
    labels = images.labels
    if labels.dtype != np.int64 or labels.ndim != 1 or not len(labels):
        return f"labels are {labels.dtype} {labels.shape}, not int64 (N,) with N above 0"
    if labels.min() < 0 or labels.max() >= classes:
        return f"labels are from {labels.min()} to {labels.max()}, not from 0 to {classes - 1}"
    if not isinstance(images, ArrayImages):
        return None
    pixels, expected = images.pixels, (len(labels), info.in_chans)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[:2] != expected:
        return f"pixels are {pixels.dtype} {pixels.shape}, not uint8 {expected} and the sides"
    return None
