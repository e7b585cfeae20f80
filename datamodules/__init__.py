"""Data sets, their splits and their loaders, as one LightningDataModule.

Importing this package imports neither torch nor lightning: names resolve when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.batching import accumulation
    from datamodules.catalog import (
        DATASETS,
        count_classes,
        fetchable,
        identity,
        missing,
        resolve,
    )
    from datamodules.config import Augmentation, DataConfig
    from datamodules.info import DatasetInfo
    from datamodules.module import ImageDataModule, build_data_module

_HOME = {
    "accumulation": "datamodules.batching",
    "DATASETS": "datamodules.catalog",
    "DatasetInfo": "datamodules.info",
    "count_classes": "datamodules.catalog",
    "fetchable": "datamodules.catalog",
    "identity": "datamodules.catalog",
    "missing": "datamodules.catalog",
    "resolve": "datamodules.catalog",
    "Augmentation": "datamodules.config",
    "DataConfig": "datamodules.config",
    "ImageDataModule": "datamodules.module",
    "build_data_module": "datamodules.module",
}

__all__ = [
    "DATASETS",
    "Augmentation",
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
