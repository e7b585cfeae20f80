"""A data set from outside this project."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from datamodules.catalog.entries import DATASETS
from datamodules.config.info import DatasetInfo
from lit_models.registry.registry import caller

_NAME = re.compile(r"[a-z0-9_]+")  # it begins run ids


def register_dataset(info: DatasetInfo, *, load: Callable[..., Any] | None = None) -> DatasetInfo:
    """Let studies name a data set: `data: {name: NAME}`.

    Args:
        info: what is known about it; `sizes` None: its images are counted when it is read.
        load: called with (info, config), gives a `datamodules.sets.sources.Source`; None: what
            `info.load` names.

    Raises:
        ValueError: the name is taken (with the place of the other) or cannot begin a run id, or
            nobody could say how many classes there are.
    """
    if not _NAME.fullmatch(info.name):
        raise ValueError(
            f"a data set cannot be called {info.name!r}: use small letters, digits and '_'"
        )
    if info.num_classes is None and not info.own:
        raise ValueError(f"the data set {info.name!r} needs num_classes")
    whole = info if load is None else replace(info, load=load)
    return DATASETS.register(info.name, whole, origin=caller())
