"""The contestants by name, with what a reader of the table has to know about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The one that the others are compared with.
OURS, OURS_SMALL = "ours", "ours, in memory"


@dataclass(frozen=True)
class Contestant:
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


_LARGE = "ablations.bench.loader.readers"
_SMALL = "ablations.bench.loader.small"

CONTESTANTS: Mapping[str, Contestant] = MappingProxyType(
    {
        "pillow": Contestant(
            f"{_LARGE}:pillow", "torchvision, Pillow DataLoader", "jpeg", files_only=True
        ),
        "tensors": Contestant(
            f"{_LARGE}:tensors", "torchvision v2, DataLoader", "jpeg", files_only=True
        ),
        "timm": Contestant(f"{_LARGE}:timm", "timm create_loader", "jpeg", files_only=True),
        "dali": Contestant(
            f"{_LARGE}:dali", "DALI, CPU pipeline", "jpeg", "nvidia.dali", files_only=True
        ),
        "ffcv": Contestant(f"{_LARGE}:ffcv", "FFCV as it ships", "both", "ffcv"),
        OURS: Contestant(f"{_LARGE}:ours", "ours", "both", "ffcv"),
        "ours, uint8": Contestant(f"{_LARGE}:ours_uint8", "ours, uint8 batches", "both", "ffcv"),
        "full decode": Contestant(
            f"{_LARGE}:full_decode", "only libjpeg-turbo's full decode", "jpeg", workers=1
        ),
    }
)
SMALL: Mapping[str, Contestant] = MappingProxyType(
    {
        "pillow": Contestant(f"{_SMALL}:pillow_small", "torchvision, Pillow DataLoader", "raw"),
        "ffcv": Contestant(
            f"{_SMALL}:ffcv_small", "FFCV as it ships, channels last", "raw", "ffcv"
        ),
        OURS_SMALL: Contestant(f"{_SMALL}:ours_small", "ours, in memory", "raw", workers=1),
    }
)
