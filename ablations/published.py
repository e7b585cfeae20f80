"""Published accuracy curves, read from `published.yaml` beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

FILE = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class PublishedRow:
    """One printed result: top-1 in percent, its std over seeds, multiply-adds / 1e9 as printed."""

    top1: float
    std: float | None
    gflops: float
    note: str | None = None
    name: str | None = None  # of rows that are no step of ours


@dataclass(frozen=True)
class PublishedCurve:
    """A published trajectory: what was measured, on what, one row for each of our step names."""

    key: str
    title: str
    source: str
    trajectory: str  # ours that has the same networks
    data: str
    data_title: str
    image_size: int
    epochs: int
    seeds: int
    reference: PublishedRow
    before: PublishedRow
    steps: Mapping[str, PublishedRow]

    @property
    def setting(self) -> str:
        """Data set, image size and epochs: what the published numbers are of."""
        return f"{self.data_title}, {self.image_size} px, {self.epochs} epochs"

    def same_setting(self, *, trajectory: str, data: str, image_size: int, epochs: int) -> bool:
        """Whether a measured study had the networks, data set, image size and epochs of this."""
        mine = (self.trajectory, self.data, self.image_size, self.epochs)
        return mine == (trajectory, data, image_size, epochs)


def published_curve(key: str) -> PublishedCurve:
    """The curve under a key of `published.yaml`. Raises ValueError when there is none."""
    curves = _curves()
    if key not in curves:
        raise ValueError(f"{FILE}: no published curve {key!r}; there are {', '.join(curves)}")
    return curves[key]


@cache
def _curves() -> Mapping[str, PublishedCurve]:
    from omegaconf import OmegaConf

    data: Any = OmegaConf.to_container(OmegaConf.load(FILE))
    return MappingProxyType({key: _curve(key, entry) for key, entry in data.items()})


def _curve(key: str, entry: Mapping[str, Any]) -> PublishedCurve:
    rows = {step: PublishedRow(**row) for step, row in entry["steps"].items()}
    outside = {name: PublishedRow(**entry[name]) for name in ("reference", "before")}
    return PublishedCurve(**{**entry, **outside, "steps": MappingProxyType(rows), "key": key})
