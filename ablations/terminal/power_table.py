"""The table of `ablate power`."""

from collections.abc import Sequence

from rich.table import Table

from ablations.statistics.seeds.power import PowerRow
from ablations.terminal.tables import filled, seconds_text, table

_HEADINGS = ("seeds", "95 % interval", "detects", "detects, Holm", "exact p", "runs", "time")


def power_table(rows: Sequence[PowerRow], *, title: str, width: int) -> Table:
    """A row for each number of seeds; without time where it is not known."""
    timed = any(row.seconds is not None for row in rows)
    headings = _HEADINGS if timed else _HEADINGS[:-1]
    made = table(title, headings, width=width, numbers=headings)
    return filled(made, [_cells(row)[: len(headings)] for row in rows])


def _cells(row: PowerRow) -> tuple[str, ...]:
    return (
        str(row.seeds),
        f"±{row.half_width:.2f}",
        f"{row.detectable:.2f}",
        f"{row.detectable_holm:.2f}",
        f"{row.smallest_p:.2g}",
        str(row.runs),
        seconds_text(row.seconds),
    )
