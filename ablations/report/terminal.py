"""The comparison in the terminal."""

from pathlib import Path

from rich.console import Console

from ablations.compare.built_in import PUBLISHED
from ablations.compare.comparison import study_rows
from ablations.compare.data_facts import data_sentences
from ablations.compare.headlines import headline
from ablations.compare.printed import published_note
from ablations.compare.records import load_study
from ablations.compare.tables import rich_table
from ablations.compare.text import (
    missing_runs,
    progress,
    rounding_note,
    sample_sentences,
    setting,
)
from ablations.files.markup import terminal
from ablations.report import analyses  # noqa: F401 registers their columns, figures and sections


def print_report(study: str, *, runs_root: Path, console: Console | None = None) -> None:
    """Print table, headline, what the numbers can show, and the runs without a result."""
    console = console or Console()
    found = load_study(study, runs_root=runs_root)
    rows = study_rows(found)
    title = f"{found.title}: {setting(found)}"
    table, left_out = rich_table(rows, design=found.design, title=title, width=console.width)
    console.print(table)
    notes = [found.design.legend, headline(found, rows), progress(found)]
    if PUBLISHED not in left_out:
        notes.append(published_note(rows))
    if left_out:
        notes.append(f"Left out for lack of width: {', '.join(left_out)}.")
    notes += [rounding_note(found, rows), *data_sentences(found), *sample_sentences(rows)]
    notes += [": ".join(parts) for parts in missing_runs(found)]
    for note in filter(None, notes):
        console.print(terminal(note))
