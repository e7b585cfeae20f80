"""The comparison of a study, from its index and run folders alone.

    write_report(study, runs_root=...)    tables, figures and a page in runs/studies/STUDY/report/
    rows(study, runs_root=...)            the same numbers, one `Row` a point
    to_json(rows)                         as plain data: what report.json holds, a list of objects
    print_terminal(study, runs_root=...)  the table and what it can show

Schema of report.json: a list with one object a point, in the order of the plan, with the fields of
`ablations.compare.comparison.Row` as keys. Results of analyses stand beside it, each in a file with
the name of the analysis, such as predictions.json (`ablations.predictions.results.Results.plain`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ablations.compare.row import Row
    from ablations.report.write import ReportPaths

__all__ = ["print_terminal", "rows", "to_json", "write_report"]


def write_report(study: str, *, runs_root: Path) -> "ReportPaths":
    """Write the report folder and return its files. Raises ValueError when no run is finished."""
    from ablations.report.write import write_report as write

    return write(study, runs_root=runs_root)


def rows(study: str, *, runs_root: Path) -> "tuple[Row, ...]":
    """The comparison, one row a point. Raises ValueError when the study was never run."""
    from ablations.compare.comparison import study_rows
    from ablations.compare.records import load_study
    from ablations.report import analyses  # noqa: F401 registers their columns

    return study_rows(load_study(study, runs_root=runs_root))


def to_json(rows: "Sequence[Row]") -> list[dict[str, Any]]:
    """Rows as plain data."""
    from ablations.compare.comparison import to_json as convert

    return convert(rows)


def print_terminal(study: str, *, runs_root: Path, console: "Console | None" = None) -> None:
    """Print the table, what it can show, and what is missing."""
    from ablations.report.terminal import print_report

    print_report(study, runs_root=runs_root, console=console)
