"""What is known of the data set that a config names, before any of it is read (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from datamodules.catalog import folders, layout, loader_choice
from datamodules.catalog.entries import DATASETS
from datamodules.config.data import DataConfig, data_root, located, nearest
from datamodules.config.info import DatasetInfo

__all__ = [
    "DATASETS",
    "WHEREABOUTS",
    "DatasetInfo",
    "content",
    "count_classes",
    "dataset",
    "describe_reading",
    "fetchable",
    "identity",
    "missing",
    "placed",
    "places",
    "resolve",
    "title",
    "tree_of",
    "whereabouts",
]

# Where data lies and what it is called is no part of what it is.
WHEREABOUTS = ("root", "folder", "beton")
_NO_MATTER = (*WHEREABOUTS, "download", "title")


def dataset(config: DataConfig, *, complete: bool = True) -> DatasetInfo:
    """The entry that a config names.

    Args:
        config: which data.
        complete: refuse a config that lacks its folder; one in a file may get it on the command
            line.

    Raises:
        ValueError: no such data set, with the nearest name; or keys that it lacks, or that have no
            meaning for it.
    """
    if config.name not in DATASETS:
        raise ValueError(f"data.name is {config.name!r}. {nearest(config.name, DATASETS)}")
    info = DATASETS[config.name]
    if info.own and not config.folder and complete:
        raise ValueError(f"data.name={config.name} needs data.folder: {info.obtain}.")
    for key in ("folder", "test_fraction"):
        value = getattr(config, key)
        if value is not None and not info.own:
            raise ValueError(f"data.{key}={value} has no meaning for data.name={config.name}.")
    return info


def resolve(config: DataConfig) -> DataConfig:
    """The same config with every default filled in that the catalogue or a file knows.

    Raises:
        ValueError: see `dataset` and `datamodules.catalog.loader_choice.choose_loader`.
    """
    info = dataset(config)
    image_size = config.image_size or info.image_size
    loader = loader_choice.choose_loader(config, info)
    return replace(
        config,
        image_size=image_size,
        eval_size=config.eval_size or image_size,
        val_fraction=info.val_fraction if config.val_fraction is None else config.val_fraction,
        test_fraction=loader_choice.test_fraction(replace(config, loader=loader), info),
        loader=loader,
    )


def identity(config: DataConfig) -> dict[str, Any]:
    """What makes two runs' data equal, with `content`: the resolved config but where it lies."""
    values = asdict(resolve(config))
    return {key: value for key, value in values.items() if key not in _NO_MATTER}


def content(config: DataConfig) -> str | None:
    """SHA-256 of what is in the .beton that is read, or of paths and sizes of a person's own files.

    None where an official data set's own files are read, and for what is not there yet.

    Raises:
        ValueError: the .beton or the folder cannot be used.
    """
    info = dataset(config)
    if _reads_beton(config):
        return loader_choice.content(resolve(config), info)
    tree = tree_of(config) if info.own else None
    if tree is None or not tree.exists():
        return None
    return layout.list_tree(tree, config.test_fraction).fingerprint()


def whereabouts(config: DataConfig) -> dict[str, str | None]:
    """The keys that say where this config's data lies, such that any process finds the same data.

    A .beton that is read is named, so that a run reads the file that it was planned with.
    """
    info = dataset(config)
    read = (
        str(loader_choice.beton_path(config).absolute()) if _reads_beton(config) else config.beton
    )
    folder = str(tree_of(config).absolute()) if info.own else None
    return dict(zip(WHEREABOUTS, (config.root, folder, read), strict=True))


def placed(config: DataConfig, values: Mapping[str, Any]) -> DataConfig:
    """The config with the keys of `whereabouts`, as a run's config.json holds them."""
    return replace(
        config, root=values.get("root"), folder=values.get("folder"), beton=values.get("beton")
    )


def title(config: DataConfig) -> str:
    """The data set's name for people: data.title, else the catalogue's or the folder's."""
    info = dataset(config, complete=False)
    if config.title:
        return config.title
    if info.own:
        return Path(config.folder).name or config.folder if config.folder else "no folder"
    return info.title.partition(",")[0]


def describe_reading(config: DataConfig) -> str:
    """One sentence on what reads the images, and why not something faster."""
    return loader_choice.describe(resolve(config), dataset(config))


def places(config: DataConfig) -> list[Path]:
    """The paths, any of which holds the data set.

    Raises:
        ValueError: see `dataset` and `datamodules.config.data.located`.
    """
    info = dataset(config)
    if info.own:
        assert config.folder is not None
        return list(dict.fromkeys(located(config, config.folder, key="data.folder")))
    return [data_root(config) / place for place in info.places]


def tree_of(config: DataConfig) -> Path:
    """The folder of a data set that is a tree, there or not."""
    found = places(config)
    return next((path for path in found if path.exists()), found[0])


def fetchable(config: DataConfig) -> bool:
    """Whether a run may download the data set itself."""
    return config.download and dataset(config).fetch is not None and not _reads_beton(config)


def missing(config: DataConfig) -> str | None:
    """None if the data set is on this machine, else a sentence on what to do. Downloads nothing.

    Raises:
        ValueError: see `dataset`.
    """
    info, found = dataset(config), places(config)
    if _reads_beton(config):
        return loader_choice.missing_beton(config)
    if not found or any(path.exists() for path in found):
        return None
    looked = " or ".join(str(path) for path in found)
    obtain = info.obtain.format(root=data_root(config), folder=config.folder)
    first = "it is downloaded when a run needs it, or " if fetchable(config) else ""
    return f"The data set {config.name} is missing (no {looked}): {first}{obtain}."


def count_classes(config: DataConfig) -> int | None:
    """Classes of the data set; None where they are counted from folders that are not there.

    Raises:
        ValueError: its folder has no known layout.
    """
    info = dataset(config)
    if info.num_classes is not None:
        return info.num_classes
    if _reads_beton(config):
        return loader_choice.count_classes(resolve(config), info)
    tree = tree_of(config)
    if not tree.exists():
        return None
    train = layout.split_folders(tree, config.test_fraction)[layout.TRAIN]
    return len(folders.class_folders(train))


def _reads_beton(config: DataConfig) -> bool:
    return loader_choice.reads_beton(resolve(config), dataset(config))
