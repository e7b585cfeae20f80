"""What `ablate bench corruptions` shows: a table a side, and the same as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.bench.corruptions.job import LEVELS
from ablations.bench.corruptions.measure import LIBRARY, OURS, Readings
from ablations.terminal.tables import make_console, say
from datamodules.corruptions.names import CORRUPTIONS

_SUM = f"sum of {len(CORRUPTIONS)}"
MISSING = (
    "imagecorruptions-imaug is not installed, so that there is nothing to compare with: "
    "pip install imagecorruptions-imaug"
)


def as_data(readings: Readings) -> dict[str, Any]:
    """Everything that was measured at one side."""
    return {
        "side": readings.side,
        "images": readings.images,
        "first_s": readings.first,
        "rows": [_row(readings, name, [name]) for name in readings.names],
        "sum": _row(readings, _SUM, CORRUPTIONS),
        "readings": {
            who: {f"{request.name}/{request.level}": values for request, values in found.items()}
            for who, found in readings.ms.items()
        },
    }


def _row(readings: Readings, title: str, names: Sequence[str]) -> dict[str, Any]:
    levels: list[int | None] = [*LEVELS, None]
    times = {
        who: {str(level or "mean"): readings.middle(who, names, level) for level in levels}
        for who in readings.ms
    }
    both = {"library_over_ours": readings.ratio(names)} if LIBRARY in readings.ms else {}
    return {"corruption": title, "ms_per_image": times, **both}


def show(result: dict[str, Any]) -> None:
    """Print the table of one side."""
    from rich.table import Table

    console = make_console()
    table = Table(box=None, pad_edge=False)
    table.add_column(f"{result['side']} px", no_wrap=True)
    severities = " ".join(map(str, LEVELS))
    for heading in (f"ours, ms at {severities}", f"library, ms at {severities}", "library/ours"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in (*result["rows"], result["sum"]):
        ratio = row.get("library_over_ours")
        cells = (_times(row, who) for who in (OURS, LIBRARY))
        table.add_row(row["corruption"], *cells, "-" if ratio is None else f"{ratio:.2f}")
    console.print(table)
    first = ", ".join(f"{who} {seconds:.2f} s" for who, seconds in result["first_s"].items())
    say(console, f"The first image under all {len(CORRUPTIONS)}, tables included: {first}.")


def _times(row: dict[str, Any], who: str) -> str:
    if who not in row["ms_per_image"]:
        return "-"
    return " ".join(_number(row["ms_per_image"][who][str(level)]) for level in LEVELS)


def _number(milliseconds: float) -> str:
    return f"{milliseconds:.3f}" if milliseconds < 0.1 else f"{milliseconds:.2f}"
