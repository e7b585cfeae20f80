"""The images that a beton is written from, and whether they stay as they are meanwhile."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.manifest import Skipped, shown
from datamodules.catalog import DATASETS, is_class_folder, places, resolve
from datamodules.config import DataConfig, data_root, nearest
from datamodules.sets.decode import problem
from datamodules.sets.sources import ArrayImages, FileImages, Images, load_source

_TREE = "image_folder"


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a tree, sorted.

    Attributes:
        names: (F,) paths below the tree, as bytes; an array, since there may be a million.
        facts: (F, 2) size and time of modification in nanoseconds.
    """

    names: NDArray[np.bytes_]
    facts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BetonSource:
    """All images of a data set in the order of the file: those of train, val and test.

    Attributes:
        name: the data set in the catalogue.
        class_names: by label.
        parts: name and images of each.
        tree: the folder of the images; None: they are in memory.
        listing: what the tree held when it was opened.
        left_out: its files that are no images.
    """

    name: str
    class_names: tuple[str, ...]
    parts: tuple[tuple[str, Images], ...]
    tree: Path | None = None
    listing: Listing | None = None
    left_out: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(N,) of all parts."""
        return np.concatenate([images.labels for _, images in self.parts])

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """(parts + 1,) where each part begins, and N."""
        return np.cumsum([0, *(len(images.labels) for _, images in self.parts)])

    def locate(self, index: int) -> tuple[str, Images, int]:
        """The part of an image, the images of that part, and its place among them."""
        number = int(np.searchsorted(self.bounds, index, side="right")) - 1
        part, images = self.parts[number]
        return part, images, index - int(self.bounds[number])

    def describe(self, index: int) -> str:
        """How a message names an image: its path below the tree, or its place in a part."""
        part, images, place = self.locate(index)
        if isinstance(images, FileImages) and self.tree is not None:
            return shown(_below(self.tree, images.paths[place]))
        return f"{part} image {place}"

    def fingerprint(self) -> str:
        """SHA-256 of names and sizes of the files, or of pixels and labels in memory."""
        digest = hashlib.sha256()
        if self.listing is not None:
            for name, size in zip(self.listing.names, self.listing.facts[:, 0], strict=True):
                digest.update(b"%s\0%d\0" % (name, size))
        for part, images in self.parts:
            if isinstance(images, ArrayImages):
                digest.update(f"{part} {images.pixels.shape}".encode())
                digest.update(np.ascontiguousarray(images.pixels).data)
                digest.update(np.ascontiguousarray(images.labels, "<i8").data)
        return digest.hexdigest()

    def changed(self, *, besides: Collection[str]) -> str | None:
        """The first file that came, went or changed since the source was opened, and how.

        Args:
            besides: names, as `describe` gives them, that do not matter.
        """
        if self.tree is None or self.listing is None:
            return None
        try:
            now = list_files(self.tree)
        except OSError as error:
            return f"it cannot be listed any more ({error})"
        same = np.array_equal(self.listing.names, now.names)
        if same and np.array_equal(self.listing.facts, now.facts):
            return None
        before, after = _as_dict(self.listing), _as_dict(now)
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name) and shown(name) not in besides:
                what = "is new" if name not in before else "changed"
                return f"{shown(name)} {what if name in after else 'is gone'}"
        return None


def source_config(text: str) -> DataConfig:
    """The data set that a user names: one of the catalogue, or the folder of an image tree.

    Raises:
        ValueError: it is neither.
    """
    if text in DATASETS and text != _TREE:
        info = DATASETS[text]
        size = getattr(info, "stored_size", None) or info.image_size
        return DataConfig(name=text, image_size=size, loader="torch")
    for folder in (Path(text).expanduser(), data_root(DataConfig()) / text):
        if folder.is_dir():
            return DataConfig(name=_TREE, folder=str(folder.resolve()), loader="torch")
    names = [name for name in DATASETS if name != _TREE]
    raise ValueError(f"{text!r} is neither a folder nor a data set. {nearest(text, names)}")


def open_source(config: DataConfig, *, on_error: Literal["fail", "skip"]) -> BetonSource:
    """Read the data set, or list its files, and check their headers.

    Raises:
        ValueError: it is not there or incomplete, or `on_error` is fail and a file is no image.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # left_out says the same, for every file
        source = load_source(replace(config, bad_images=on_error))
    parts = [("train", source.train), ("val", source.val), ("test", source.test)]
    present = tuple((name, images) for name, images in parts if images is not None)
    opened = BetonSource(config.name, source.class_names, present)
    if isinstance(source.train, ArrayImages):
        return opened
    tree = next(path for path in places(resolve(config)) if path.exists())
    opened = replace(opened, tree=tree, listing=list_files(tree))
    return replace(opened, left_out=tuple(_left_out(opened, tree)))


def list_files(tree: Path) -> Listing:
    """Every file of the class folders of train/, val/ and test/, without those of a leading dot."""
    splits = [tree / name for name in ("train", "val", "test") if (tree / name).is_dir()]
    classes = [item for split in splits for item in split.iterdir() if is_class_folder(item)]
    start = len(os.fsencode(tree)) + 1
    found = [item for folder in classes for item in _walk(os.fsencode(folder), start)]
    names = np.array([name for name, _, _ in found], np.bytes_)
    facts = np.array([(size, modified) for _, size, modified in found], np.int64).reshape(-1, 2)
    order = np.argsort(names)
    return Listing(names[order], facts[order])


def _walk(folder: bytes, start: int) -> Iterator[tuple[bytes, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            if entry.is_dir():
                yield from _walk(entry.path, start)
            elif entry.is_file():
                stat = entry.stat()
                yield entry.path[start:], stat.st_size, stat.st_mtime_ns


def _left_out(source: BetonSource, tree: Path) -> Iterator[Skipped]:
    assert source.listing is not None
    used = [images.paths for _, images in source.parts if isinstance(images, FileImages)]
    kept = {_below(tree, path) for paths in used for path in paths}
    for name in source.listing.names:
        if name not in kept:
            path = tree / os.fsdecode(name)
            reason = problem(path, full=False) if path.exists() else "it is gone"
            yield Skipped(shown(name), reason or "it came while the folder was listed")


def _below(tree: Path, path: bytes) -> bytes:
    return path[len(os.fsencode(tree)) + 1 :]


def _as_dict(listing: Listing) -> dict[bytes, tuple[int, ...]]:
    return {
        bytes(name): tuple(facts)
        for name, facts in zip(listing.names, listing.facts.tolist(), strict=True)
    }
