"""The metrics in a terminal, after an evaluation."""

from typing import TYPE_CHECKING

from ablations.compare.analysis import SectionTable
from ablations.compare.records import StudyRecord
from ablations.files.markup import terminal
from ablations.robustness.shown.headlines import headlines
from ablations.robustness.shown.measured import measured
from ablations.robustness.shown.tables import step_table
from ablations.robustness.shown.words import what_is_missing

if TYPE_CHECKING:
    from rich.console import Console


def print_summary(study: StudyRecord, console: "Console") -> None:
    """Print a table for each data set, and what is left out; nothing without answers."""
    from rich import box
    from rich.table import Table

    for one in measured(study):
        whole = step_table(study, headlines(one.sets))
        if whole is not None:
            fits = _narrowed(whole, console.width)
            table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
            for number, heading in enumerate(fits.headings):
                table.add_column(terminal(heading), justify="right" if number else "left")
            for cells in fits.rows:
                table.add_row(*map(terminal, cells))
            console.print(table)
            if left := whole.headings[len(fits.headings) :]:
                console.print(terminal(f"Left out for lack of width: {', '.join(left)}."))
        for line in what_is_missing(study, one):
            console.print(terminal(line))


def _narrowed(table: SectionTable, width: int) -> SectionTable:
    """The columns that fit, headings in several lines; the first two in any case."""
    widths = [
        max(*(len(line[k]) for line in table.rows), *map(len, heading.split()))
        for k, heading in enumerate(table.headings)
    ]
    count = len(widths)
    while count > 2 and sum(widths[:count]) + 2 * count + 2 > width:
        count -= 1
    rows = tuple(line[:count] for line in table.rows)
    return SectionTable(table.headings[:count], rows)
