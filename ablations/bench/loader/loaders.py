"""The ways to load images by name, with what a reader of the table has to know about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The one that the others are compared with.
OURS, OURS_SMALL = "ours", "ours, in memory"


@dataclass(frozen=True)
class Loader:
    """A way to load images.

    Attributes:
        function: "module:function", from a job to its epochs.
        title: for the table.
        reads: jpeg, raw or both: the samples that it can read.
        package: that has to be installed; None: it is part of this project.
        workers: processes or threads; None: as many as there are cores.
        files_only: it reads image files and no beton.
    """

    function: str
    title: str
    reads: str
    package: str | None = None
    workers: int | None = None
    files_only: bool = False


_OTHERS = "ablations.bench.loader.others"
_OWN = "ablations.bench.loader.own"
_SMALL = "ablations.bench.loader.small"

LOADERS: Mapping[str, Loader] = MappingProxyType(
    {
        "pillow": Loader(
            f"{_OTHERS}:pillow", "torchvision, Pillow DataLoader", "jpeg", files_only=True
        ),
        "tensors": Loader(
            f"{_OTHERS}:tensors", "torchvision v2, DataLoader", "jpeg", files_only=True
        ),
        "timm": Loader(f"{_OTHERS}:timm", "timm create_loader", "jpeg", files_only=True),
        "dali": Loader(
            f"{_OTHERS}:dali", "DALI, CPU pipeline", "jpeg", "nvidia.dali", files_only=True
        ),
        "ffcv": Loader(f"{_OTHERS}:ffcv", "FFCV as it ships", "both", "ffcv"),
        OURS: Loader(f"{_OWN}:ours", "ours", "both", "ffcv"),
        "ours, uint8": Loader(f"{_OWN}:ours_uint8", "ours, uint8 batches", "both", "ffcv"),
        "full decode": Loader(
            f"{_OWN}:full_decode", "only libjpeg-turbo's full decode", "jpeg", workers=1
        ),
    }
)
SMALL_LOADERS: Mapping[str, Loader] = MappingProxyType(
    {
        "pillow": Loader(f"{_SMALL}:pillow_small", "torchvision, Pillow DataLoader", "raw"),
        "ffcv": Loader(f"{_SMALL}:ffcv_small", "FFCV as it ships, channels last", "raw", "ffcv"),
        OURS_SMALL: Loader(f"{_SMALL}:ours_small", "ours, in memory", "raw", workers=1),
    }
)
