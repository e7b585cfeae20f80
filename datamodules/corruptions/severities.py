"""Which table of severities images of a side have, and what is in it; no torch."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from datamodules.corruptions.names import CORRUPTIONS, EXTRA, SEVERITIES
from lit_models.registry.names import nearest

SMALLEST = 16  # px: below it, kernels are larger than images
_LARGEST = {32: 48, 64: 128}  # table: the largest side that it is the nearest for
_FILE = Path(__file__).with_name("severities.yaml")


@dataclass(frozen=True)
class Severity:
    """How strong a corruption is.

    Attributes:
        level: 1 to 5.
        table: side in pixels that the values were made for: 32, 64 or 224.
        values: as severities.yaml names them.
    """

    level: int
    table: int
    values: tuple[float, ...]


def table_of(side: int) -> int:
    """The table for images of a side in pixels: that of the nearest side, 32, 64 or 224.

    Raises:
        ValueError: below 16 px.
    """
    if side < SMALLEST:
        raise ValueError(
            f"images of {side} px are too small for corruptions ({SMALLEST} at least): set "
            "data.eval_size"
        )
    return next((table for table, largest in _LARGEST.items() if side <= largest), 224)


def severity(name: str, level: int, *, table: int) -> Severity:
    """How strong a corruption is at a level.

    Raises:
        ValueError: no such corruption, level or table.
    """
    if name not in (*CORRUPTIONS, *EXTRA):
        raise ValueError(f"no such corruption: {name}. {nearest(name, (*CORRUPTIONS, *EXTRA))}")
    if level not in SEVERITIES:
        raise ValueError(f"severities of {name} are 1 to {max(SEVERITIES)}, found {level}")
    tables = _tables()
    if table not in tables:
        raise ValueError(f"tables of severities are {', '.join(map(str, tables))}, found {table}")
    return Severity(level, table, tuple(tables[table][name][level - 1]))


@cache
def _tables() -> dict[int, dict[str, Any]]:
    tables: dict[int, dict[str, Any]] = yaml.safe_load(_FILE.read_text())
    return tables
