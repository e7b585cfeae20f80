"""What is known of the data set that a config names, before any of it is read (no torch)."""

from __future__ import annotations

from pathlib import Path

from datamodules.catalog.entries import DATASETS
from datamodules.config.data import DataConfig, data_root, located
from datamodules.config.info import DatasetInfo
from lit_models.registry.names import nearest

__all__ = [
    "DATASETS",
    "WHEREABOUTS",
    "DatasetInfo",
    "dataset",
    "paths",
    "title",
    "tree_of",
]

# The keys that say where data lies.
WHEREABOUTS = ("root", "folder", "beton")


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
        raise ValueError(f"data.name={config.name} needs data.folder: {info.how_to_get}.")
    for key, fixed in (("folder", None), ("test_fraction", info.test_fraction)):
        value = getattr(config, key)
        if value not in (None, fixed) and not info.own:
            raise ValueError(f"data.{key}={value} has no meaning for data.name={config.name}.")
    return info


def title(config: DataConfig) -> str:
    """The data set's name for people: data.title, else the catalogue's or the folder's."""
    info = dataset(config, complete=False)
    if config.title:
        return config.title
    if info.own:
        return Path(config.folder).name or config.folder if config.folder else "no folder"
    return info.title.partition(",")[0]


def paths(config: DataConfig) -> list[Path]:
    """The paths, any of which holds the data set.

    Raises:
        ValueError: see `dataset` and `datamodules.config.data.located`.
    """
    info = dataset(config)
    if info.own:
        assert config.folder is not None
        return list(dict.fromkeys(located(config, config.folder, key="data.folder")))
    return [data_root(config) / path for path in info.paths]


def tree_of(config: DataConfig) -> Path:
    """The folder of a data set that is a tree, there or not."""
    found = paths(config)
    return next((path for path in found if path.exists()), found[0])
