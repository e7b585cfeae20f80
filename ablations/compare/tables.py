"""The comparison as a table: in the terminal, Markdown, CSV, LaTeX."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ablations.compare import built_in  # noqa: F401 registers the columns that there always are
from ablations.compare.columns import COLUMNS, Column
from ablations.compare.row import Row
from ablations.files.markup import NOTHING, latex, markdown, terminal
from ablations.files.plain_text import as_csv
from ablations.studies.designs import Design

if TYPE_CHECKING:
    from rich.table import Table


def columns(rows: Sequence[Row], *, design: Design) -> tuple[Column, ...]:
    """The columns that have something to say, from left to right."""
    kinds = sorted(COLUMNS.values(), key=lambda kind: kind.order)
    chosen = [column for kind in kinds for column in kind.shown(rows, design)]
    return tuple(c for c in chosen if any(c.cell(row) != NOTHING for row in rows))


def markdown_table(rows: Sequence[Row], *, design: Design) -> str:
    """A GitHub-flavoured Markdown table."""
    shown = columns(rows, design=design)
    head = [column.heading for column in shown]
    rule = [":--" if column.left else "--:" for column in shown]
    body = [[markdown(column.cell(row)) for column in shown] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (map(markdown, head), rule, *body))


def csv_table(rows: Sequence[Row]) -> str:
    """Every field of every row, unrounded; mappings as `key:value` pairs."""
    return as_csv([{name: _cell(value) for name, value in row.plain().items()} for row in rows])


def _cell(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return " ".join(f"{str(key).replace(' ', '_')}:{item}" for key, item in value.items())


def latex_table(rows: Sequence[Row], *, design: Design, caption: str) -> str:
    """A table for LaTeX; needs the package booktabs."""
    shown = columns(rows, design=design)
    lines = [[column.cell(row) for column in shown] for row in rows]
    sides = "".join("l" if column.left else "r" for column in shown)
    return booktabs([column.heading for column in shown], lines, sides=sides, caption=caption)


def booktabs(
    headings: Sequence[str], lines: Sequence[Sequence[str]], *, sides: str, caption: str
) -> str:
    """Cells as a table for LaTeX with the package booktabs; `sides` is l or r for each column."""
    head = " & ".join(map(latex, headings))
    body = "".join(f"    {' & '.join(map(latex, line))} \\\\\n" for line in lines)
    return (
        "% needs \\usepackage{booktabs}\n"
        "\\begin{table}\n  \\centering\n"
        f"  \\caption{{{latex(caption)}}}\n"
        f"  \\begin{{tabular}}{{{sides}}}\n"
        f"    \\toprule\n    {head} \\\\\n    \\midrule\n{body}    \\bottomrule\n"
        "  \\end{tabular}\n\\end{table}\n"
    )


def rich_table(
    rows: Sequence[Row], *, design: Design, title: str, width: int
) -> "tuple[Table, tuple[str, ...]]":
    """The table for a terminal, and the headings of the columns left out when it is too narrow."""
    shown = list(columns(rows, design=design))
    left_out: list[str] = []
    while _width(shown, rows) > width and any(column.drop_order for column in shown):
        least = max(shown, key=lambda column: column.drop_order)
        shown.remove(least)
        left_out.append(least.heading)
    return _rich(rows, shown, title), tuple(left_out)


def _width(shown: Sequence[Column], rows: Sequence[Row]) -> int:
    widest = [max(len(c.heading), *(len(c.cell(row)) for row in rows)) for c in shown]
    return sum(widest) + 2 * len(shown) + 2  # with the edges


def _rich(rows: Sequence[Row], shown: Sequence[Column], title: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(
        title=terminal(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in shown:
        table.add_column(terminal(column.heading), justify="left" if column.left else "right")
    for row in rows:
        cells = (terminal(column.cell(row)) for column in shown)
        table.add_row(*cells, style=None if row.on_main_line else "dim")
    return table
