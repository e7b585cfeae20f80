"""The images that a beton is written from, and whether they stay as they are meanwhile."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.manifest import Skipped, shown
from datamodules.catalog.catalog import DATASETS, tree_of
from datamodules.catalog.layout import Tree, list_tree
from datamodules.config.data import DataConfig, located
from datamodules.decoding.decode import problem
from datamodules.sets.sources import (
    ArrayImages,
    FileImages,
    Images,
    LeftOutWarning,
    load_source,
    noted,
)
from lit_models.registry.names import nearest

_TREE = "image_folder"


@dataclass(frozen=True, eq=False)
class BetonSource:
    """All images of a data set in the order of the file: those of train, val and test.

    Attributes:
        name: the data set in the catalogue.
        class_names: by label.
        parts: name and images of each.
        tree: the folder of the images as it was listed; None: they are in memory.
        left_out: its files that are no images.
        notes: what else somebody should know about it.
    """

    name: str
    class_names: tuple[str, ...]
    parts: tuple[tuple[str, Images], ...]
    tree: Tree | None = None
    left_out: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

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
            return shown(_below(self.tree.tree, images.paths[place]))
        return f"{part} image {place}"

    def fingerprint(self) -> str:
        """SHA-256 of names and sizes of the files, or of pixels and labels in memory."""
        if self.tree is not None:
            return self.tree.fingerprint()
        digest = hashlib.sha256()
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
        if self.tree is None:
            return None
        try:
            now = self.tree.again()
        except (OSError, ValueError) as error:
            return f"it cannot be listed any more ({error})"
        before, after = ({file.path: file for file in tree.files} for tree in (self.tree, now))
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name) and shown(name) not in besides:
                what = "is new" if name not in before else "changed"
                return f"{shown(name)} {what if name in after else 'is gone'}"
        return None


def source_config(text: str, *, test_fraction: float | None = None) -> DataConfig:
    """The data set that a user names: one of the catalogue, or the folder of an image tree.

    Raises:
        ValueError: it is neither.
    """
    if text in DATASETS and text != _TREE:
        info = DATASETS[text]
        size = getattr(info, "stored_size", None) or info.image_size
        share = info.test_fraction if test_fraction is None else test_fraction
        return DataConfig(name=text, image_size=size, loader="torch", test_fraction=share)
    folder, _ = located(DataConfig(), text, key="the folder")
    if folder.is_dir():
        return DataConfig(
            name=_TREE, folder=str(folder.resolve()), loader="torch", test_fraction=test_fraction
        )
    names = [name for name in DATASETS if name != _TREE]
    raise ValueError(f"{text!r} is neither a folder nor a data set. {nearest(text, names)}")


def open_source(config: DataConfig, *, on_error: Literal["fail", "skip"]) -> BetonSource:
    """Read the data set, or list its files, and check their headers.

    Raises:
        ValueError: it is not there or incomplete, or `on_error` is fail and a file is no image.
    """
    with noted() as said:
        source = load_source(replace(config, bad_images=on_error))
    parts = [("train", source.train), ("val", source.val), ("test", source.test)]
    present = tuple((name, images) for name, images in parts if images is not None)
    opened = BetonSource(config.name, source.class_names, present)
    if isinstance(source.train, ArrayImages):
        return opened
    # left_out says for every file what a warning says of some
    notes = [str(warning) for warning in said if not isinstance(warning, LeftOutWarning)]
    opened = replace(opened, tree=list_tree(tree_of(config), config.test_fraction))
    return replace(opened, left_out=tuple(_left_out(opened)), notes=tuple(notes))


def _left_out(source: BetonSource) -> Iterator[Skipped]:
    assert source.tree is not None
    tree = source.tree.tree
    used = [images.paths for _, images in source.parts if isinstance(images, FileImages)]
    kept = {_below(tree, path) for paths in used for path in paths}
    for name, reason in source.tree.unusable.items():
        yield Skipped(shown(name), reason)
    for file in source.tree.files:
        if os.fsencode(file.path) not in kept:
            path = tree / file.path
            why = problem(path, full=False) if path.exists() else "it is gone"
            yield Skipped(shown(file.path), why or "it came while the folder was listed")


def _below(tree: Path, path: bytes) -> bytes:
    return path[len(os.fsencode(tree)) + 1 :]
