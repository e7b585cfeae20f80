"""Data sets, their splits and their loaders, as one LightningDataModule.

Importing this package imports neither torch nor lightning: names resolve when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.catalog.catalog import DATASETS
    from datamodules.catalog.resolved import (
        Data,
        count_classes,
        fetchable,
        identity,
        missing,
        resolve,
    )
    from datamodules.config.augmentation import Augmentation
    from datamodules.config.data import DataConfig
    from datamodules.config.info import DatasetInfo
    from datamodules.module import ImageDataModule, build_data_module
    from datamodules.sampling.batching import accumulation

_HOME = {
    "accumulation": "datamodules.sampling.batching",
    "DATASETS": "datamodules.catalog.catalog",
    "Data": "datamodules.catalog.resolved",
    "DatasetInfo": "datamodules.config.info",
    "count_classes": "datamodules.catalog.resolved",
    "fetchable": "datamodules.catalog.resolved",
    "identity": "datamodules.catalog.resolved",
    "missing": "datamodules.catalog.resolved",
    "resolve": "datamodules.catalog.resolved",
    "Augmentation": "datamodules.config.augmentation",
    "DataConfig": "datamodules.config.data",
    "ImageDataModule": "datamodules.module",
    "build_data_module": "datamodules.module",
}

__all__ = [
    "DATASETS",
    "Augmentation",
    "Data",
    "DataConfig",
    "DatasetInfo",
    "ImageDataModule",
    "accumulation",
    "build_data_module",
    "count_classes",
    "fetchable",
    "identity",
    "missing",
    "resolve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
