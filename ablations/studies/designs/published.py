"""Published results, read from `published.yaml` beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lit_models.registry.names import nearest

FILE = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class PublishedRow:
    """One printed result; None: not printed, or not known to us.

    `top1` in percent and its `std` over seeds, `gflops` (1e9 multiply-adds) and `params_m` (1e6) as
    printed. `more` holds other printed numbers by the heading of their column. `source`, `epochs`
    and `image_size` are those of the table unless a row has its own; `unknown_epochs` says that
    nobody printed them. `network` is ours that has this result: its name, then steps. `best_epoch`
    says that it is the epoch with the best accuracy on the validation images, where False only
    means that nothing says so; None is what the table says.
    """

    top1: float | None = None
    std: float | None = None
    gflops: float | None = None
    params_m: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)
    network: str | None = None
    source: str | None = None
    epochs: int | None = None
    unknown_epochs: bool = False
    image_size: int | None = None
    pretraining: str | None = None  # other images that the network saw first
    best_epoch: bool | None = None
    note: str | None = None
    name: str | None = None  # of rows that are no point of ours


@dataclass(frozen=True)
class PublishedTable:
    """One published table: what was measured, on what, and its rows.

    With a `trajectory` of ours, rows are by the names of its steps; else by the names that points
    of a study of networks have.
    """

    key: str
    title: str
    source: str
    data: str
    data_title: str
    image_size: int
    epochs: int
    rows: Mapping[str, PublishedRow]
    trajectory: str | None = None
    seeds: int | None = None
    reference: PublishedRow | None = None  # of a trajectory: what it is compared with
    before: PublishedRow | None = None  # of a trajectory: the row before its start
    note: str | None = None  # on all of its rows
    best_epoch: bool = False  # of all of its rows that say nothing else

    def source_of(self, row: PublishedRow) -> str:
        """Where a row was printed."""
        return row.source or self.source

    def setting_of(self, row: PublishedRow) -> str:
        """Data set, image size and epochs: what a row's numbers are of."""
        epochs = self._epochs(row)
        parts = [self.data_title, f"{row.image_size or self.image_size} px"]
        parts += ["epochs not known" if epochs is None else f"{epochs} epochs"]
        parts += [f"pretrained on {row.pretraining}"] if row.pretraining else []
        return ", ".join(parts)

    def other_setting(
        self, row: PublishedRow, *, data: str, image_size: int, epochs: int
    ) -> tuple[str, ...]:
        """What a measured network had otherwise than a row: data set, image size, epochs."""
        same = {
            "data set": self.data == data,
            "image size": (row.image_size or self.image_size) == image_size,
            "epochs": self._epochs(row) == epochs,
            "pretraining": row.pretraining is None,
        }
        return tuple(name for name, is_same in same.items() if not is_same)

    def is_best_epoch(self, row: PublishedRow) -> bool:
        """Whether a row is known to be the best epoch on the validation images, not the last."""
        return self.best_epoch if row.best_epoch is None else row.best_epoch

    def notes_of(self, row: PublishedRow) -> str | None:
        """What is to be known about a row; None when there is nothing."""
        return "; ".join(note for note in (row.note, self.note) if note) or None

    def _epochs(self, row: PublishedRow) -> int | None:
        return None if row.unknown_epochs else row.epochs or self.epochs


def published_table(key: str) -> PublishedTable:
    """The table under a key of `published.yaml`. Raises ValueError when there is none."""
    tables = _tables()
    if key not in tables:
        raise ValueError(f"published: {FILE.name} has no table {key!r}. {nearest(key, tables)}")
    return tables[key]


def published_keys() -> tuple[str, ...]:
    """The keys of all tables."""
    return tuple(_tables())


@cache
def _tables() -> Mapping[str, PublishedTable]:
    from omegaconf import OmegaConf

    data: Any = OmegaConf.to_container(OmegaConf.load(FILE))
    return MappingProxyType({key: _table(key, entry) for key, entry in data.items()})


def _table(key: str, entry: Mapping[str, Any]) -> PublishedTable:
    rows = {name: PublishedRow(**row) for name, row in entry["rows"].items()}
    outside = {
        name: PublishedRow(**entry[name]) for name in ("reference", "before") if name in entry
    }
    return PublishedTable(**{**entry, **outside, "rows": MappingProxyType(rows), "key": key})
