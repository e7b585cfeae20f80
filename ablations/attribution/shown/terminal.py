"""An attribution in the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table

from ablations.attribution.shown.cells import pairs_table, steps_table
from ablations.attribution.shown.words import sentences
from ablations.attribution.study.attribute import Attribution
from ablations.compare.analysis import SectionTable
from ablations.compare.text import setting
from ablations.files.markup import terminal
from ablations.terminal.tables import make_console


def print_attribution(found: Attribution, *, console: Console | None = None) -> None:
    """Print both tables and all sentences."""
    console = console or make_console()
    title = f"{found.study.title}: {setting(found.study)}"
    console.print(rich_table(steps_table(found), title=title))
    pairs = pairs_table(found)
    if pairs is not None:
        console.print(rich_table(pairs, title="Pairs of steps, the clearest first"))
    for sentence in sentences(found):
        console.print(terminal(sentence))


def rich_table(table: SectionTable, *, title: str) -> Table:
    """A table for people; cells are folded where the terminal is narrow."""
    made = Table(
        title=terminal(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for number, heading in enumerate(table.headings):
        made.add_column(terminal(heading), justify="left" if number < table.left else "right")
    for row in table.rows:
        made.add_row(*map(terminal, row))
    return made
