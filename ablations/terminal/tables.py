"""Tables of the command line, for narrow terminals too."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ablations.files.markup import terminal
from ablations.planning.plan import ILLEGAL, PlannedState
from ablations.terminal.progress import Progress
from lit_models.training.metrics import TRAIN_LOSS, VAL_TOP1

STYLES: Mapping[PlannedState, str] = MappingProxyType(
    {
        "new": "dim",
        "running": "cyan",
        "done": "green",
        "failed": "bold red",
        "interrupted": "yellow",
        "stale": "magenta",
    }
)
SHOWN = (VAL_TOP1, TRAIN_LOSS)
_WIDE = 120  # columns from which a run's whole id fits
_LINE = Text("\n")
_NUMBERS = ("seed", "params", "GMACs", "epoch", "time", *SHOWN)


def make_console() -> Console:
    """The terminal, or wide lines for a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE + 20)


def say(console: Console, text: str) -> None:
    """Print text as it is, never cut or coloured."""
    console.print(terminal(text), soft_wrap=True)


def progress_table(rows: Sequence[Progress], *, title: str, width: int) -> Table:
    """The table of `ablate status` and of the live view; without run ids where it is narrow."""
    run = ["run"] if width >= _WIDE else []
    made = table(
        title,
        ["point", "seed", *run, "state", "epoch", *SHOWN, "time"],
        width=width,
    )
    cells: list[tuple[str | Text, ...]] = [
        (
            row.point,
            str(row.seed),
            *([row.run_id] if run else []),
            terminal(row.state, STYLES[row.state]),
            f"{row.epoch}/{row.epochs}" if row.epochs else "",
            *(f"{row.metrics[name]:.3f}" if name in row.metrics else "" for name in SHOWN),
            seconds_text(row.seconds),
        )
        for row in rows
    ]
    return filled(made, cells)


def plan_table(rows: Sequence[Mapping[str, Any]], *, title: str, width: int) -> Table:
    """The table of `ablate plan`; where it is narrow run ids are cut to what `show` needs."""
    made = table(title, ["point", "seed", "run", "params", "GMACs", "state", "time"], width=width)
    return filled(made, [_plan_cells(row, wide=width >= _WIDE) for row in rows])


def _plan_cells(row: Mapping[str, Any], *, wide: bool) -> tuple[str | Text, ...]:
    if row["state"] == ILLEGAL:
        return (row["point"], "", "", "", "", terminal(ILLEGAL, "dim"), "")
    run = row["run_id"]
    return (
        row["point"],
        str(row["seed"]),
        run if wide else run.rsplit("-", 1)[-1][:8],
        f"{row['params']:,}" if row["params"] is not None else "?",
        f"{row['gmacs']:.4f}" if row["gmacs"] is not None else "?",
        terminal(row["state"], STYLES[row["state"]]),
        seconds_text(row["seconds"]),
    )


def filled(made: Table, rows: Sequence[Sequence[str | Text]]) -> Table:
    """The table with these rows, a line each.

    A column is one cell of many lines: rich takes twice as long for as many cells.
    """
    if rows:
        made.add_row(*(_LINE.join(map(_line, column)) for column in zip(*rows, strict=True)))
    return made


def _line(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else terminal(cell.replace("\n", " "))


def seconds_text(seconds: float | None) -> str:
    """A duration for people: 4.2 s, 3 min 05 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def table(
    title: str, columns: Sequence[str], *, width: int, numbers: Collection[str] = _NUMBERS
) -> Table:
    """An empty table; the columns that are `numbers` stand at the right."""
    made = Table(
        title=terminal(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0) if width >= _WIDE else 0,
        show_edge=False,
        pad_edge=False,
    )
    for name in columns:
        right = name in numbers
        made.add_column(terminal(name), justify="right" if right else "left", no_wrap=True)
    return made
