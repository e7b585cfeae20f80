"""A data configuration resolved once: what the catalogue and the files add to it (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from datamodules.beton.manifest import Manifest
from datamodules.catalog import folders, layout, loader_choice
from datamodules.catalog.catalog import WHEREABOUTS, dataset, paths, tree_of
from datamodules.catalog.loader_choice import Loader
from datamodules.config.data import DataConfig, data_root
from datamodules.config.info import DatasetInfo

# Paths and titles are left out of the run id.
_NO_MATTER = (*WHEREABOUTS, "download", "title")


@dataclass(frozen=True)
class Data:
    """The data of a run, as `resolve` found it. What every file is looked at for is read once.

    Attributes:
        config: with every default filled in that the catalogue or a file knows.
        info: the catalogue's entry.
        loader: what reads the images.
        image_size: side of the square training images in pixels.
        eval_size: side in evaluation, in pixels.
        manifest: of the .beton that is read; None: none is, or it is not there yet.
    """

    config: DataConfig
    info: DatasetInfo
    loader: Loader
    image_size: int
    eval_size: int
    manifest: Manifest | None

    @property
    def reads_beton(self) -> bool:
        """Whether the images come out of a `.beton` and not out of the data set's own files."""
        return loader_choice.reads_beton(self.loader, self.info)

    @property
    def tree(self) -> Path:
        """The folder of a data set that is a tree, there or not."""
        return tree_of(self.config)

    @cached_property
    def listing(self) -> layout.Tree:
        """The files of that folder. Raises ValueError when it has no known layout."""
        return layout.list_tree(self.tree, self.config.test_fraction)


def resolve(config: DataConfig) -> Data:
    """A config with its defaults filled in, and the files of this machine that it names.

    Raises:
        ValueError: see `datamodules.catalog.catalog.dataset` and
            `datamodules.catalog.loader_choice.choose_loader`.
    """
    info = dataset(config)
    image_size, eval_size = loader_choice.sides(config, info)
    found = loader_choice.manifest(config, info) if config.loader != "torch" else None
    loader = loader_choice.choose_loader(config, info, found)
    read = found if loader_choice.reads_beton(loader, info) else None
    held_out = info.test_fraction if config.test_fraction is None else config.test_fraction
    if held_out is None and info.own and read is not None:
        held_out = read.test_fraction  # as the beton was written
    whole = replace(
        config,
        image_size=image_size,
        eval_size=eval_size,
        val_fraction=info.val_fraction if config.val_fraction is None else config.val_fraction,
        test_fraction=held_out,
        loader=loader,
    )
    return Data(whole, info, loader, image_size, eval_size, read)


def identity(data: Data) -> dict[str, Any]:
    """What makes two runs' data equal, with `content`: the resolved config but where it lies."""
    return decisive(data.config)


def decisive(resolved: DataConfig) -> dict[str, Any]:
    """The fields of a resolved config that say what its data is, as plain data."""
    return {key: value for key, value in asdict(resolved).items() if key not in _NO_MATTER}


def content(data: Data) -> str | None:
    """SHA-256 of what is in the .beton that is read, or of paths and sizes of a person's own files.

    None where an official data set's own files are read, and for what is not there yet.

    Raises:
        ValueError: the folder cannot be used.
    """
    if data.reads_beton:
        return data.manifest.content if data.manifest is not None else None
    there = data.info.own and data.tree.exists()
    return data.listing.fingerprint() if there else None


def whereabouts(data: Data) -> dict[str, str | None]:
    """The keys that say where the data lies, such that any process finds the same data.

    A .beton that is read is named, so that a run reads the file that it was planned with.
    """
    config, read = data.config, data.config.beton
    if data.reads_beton:
        read = str(loader_choice.beton_path(config).absolute())
    folder = str(data.tree.absolute()) if data.info.own else None
    return dict(zip(WHEREABOUTS, (config.root, folder, read), strict=True))


def placed(config: DataConfig, values: Mapping[str, Any]) -> DataConfig:
    """The config with the keys of `whereabouts`, as a run's config.json holds them."""
    root, folder, beton = (values.get(key) for key in WHEREABOUTS)
    return replace(config, root=root, folder=folder, beton=beton)


def describe_reading(data: Data) -> str:
    """One sentence on what reads the images, and why not something faster."""
    return loader_choice.describe(data.config, data.loader)


def fetchable(data: Data) -> bool:
    """Whether a run may download the data set itself."""
    return data.config.download and data.info.fetch is not None and not data.reads_beton


def missing(data: Data) -> str | None:
    """None if the data set is on this machine, else a sentence on what to do. Downloads nothing.

    Raises:
        ValueError: see `datamodules.config.data.located`.
    """
    config, info, found = data.config, data.info, paths(data.config)
    if data.reads_beton:
        return loader_choice.missing_beton(config)
    if not found or any(path.exists() for path in found):
        return None
    looked = " or ".join(str(path) for path in found)
    by_hand = info.how_to_get.format(root=data_root(config), folder=config.folder)
    first = "it is downloaded when a run needs it, or " if fetchable(data) else ""
    return f"The data set {config.name} is missing (no {looked}): {first}{by_hand}."


def count_classes(data: Data) -> int | None:
    """Classes of the data set; None where they are counted from folders that are not there.

    Raises:
        ValueError: its folder has no known layout.
    """
    if data.info.num_classes is not None:
        return data.info.num_classes
    if data.reads_beton:
        return len(data.manifest.class_names) if data.manifest is not None else None
    if not data.tree.exists():
        return None
    train = layout.split_folders(data.tree, data.config.test_fraction)[layout.TRAIN]
    return len(folders.class_folders(train))
