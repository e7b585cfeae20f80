"""The comparison as a table: in the terminal, Markdown, CSV, LaTeX."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ablations.compare.comparison import Row
from ablations.compare.words import signed
from ablations.files.markup import NOTHING, latex, markdown, terminal
from ablations.files.plain_text import as_csv
from ablations.studies.designs import Design

if TYPE_CHECKING:
    from rich.table import Table

NO_EFFECT = "equal predictions"


@dataclass(frozen=True)
class Column:
    """One column of a table for people: its heading, and what it says of a row."""

    heading: str
    cell: Callable[[Row], str]
    left: bool = False
    spare: int = 0  # a narrow terminal leaves out the column with the largest number first


def columns(rows: Sequence[Row], *, design: Design) -> tuple[Column, ...]:
    """The columns that have something to say."""
    chosen = [
        Column(design.noun, lambda row: row.title if row.adopted else f"({row.title})", left=True),
        Column("seeds", _seeds),
        Column("top-1 (%)", lambda row: plus_minus(row.top1_mean, row.top1_std)),
        *_differences(rows, design),
        Column("balanced (%)", _balanced, spare=1),
        Column(
            "EMA top-1 (%)", lambda row: plus_minus(row.ema_top1_mean, row.ema_top1_std), spare=2
        ),
        Column(
            "published (%)", lambda row: plus_minus(row.published_top1, row.published_std), spare=4
        ),
        Column("params (M)", lambda row: number(row.params and row.params / 1e6), spare=3),
        Column("published params (M)", lambda row: printed(row.published_params_m), spare=9),
        Column("GMACs", lambda row: number(row.gmacs), spare=1),
        Column("published GMACs", lambda row: printed(row.published_gmacs), spare=8),
        Column("images/s", lambda row: number(row.images_per_s, digits=0), spare=5),
        Column("memory (MiB)", lambda row: number(row.peak_memory_mb, digits=0), spare=6),
        *(_printed_elsewhere(name) for name in _more(rows)),
        Column("made of", lambda row: row.made_of or NOTHING, left=True, spare=12),
    ]
    return tuple(c for c in chosen if any(c.cell(row) != NOTHING for row in rows))


def _balanced(row: Row) -> str:
    """Balanced accuracy where it is not top-1 once more."""
    if not row.unbalanced:
        return NOTHING
    return plus_minus(row.balanced_accuracy_mean, row.balanced_accuracy_std)


def _differences(rows: Sequence[Row], design: Design) -> tuple[Column, ...]:
    """The differences, and what each is taken from where one heading cannot say it."""
    titles = {row.point: row.title for row in rows}
    taken_from = list(dict.fromkeys(row.reference for row in rows if row.reference))
    if not all(row.made_of for row in rows) or not taken_from:
        return (Column(f"Δ {design.compared_with} [95 %]", difference),)
    if len(taken_from) == 1:
        return (Column(f"Δ {titles[taken_from[0]]} [95 %]", difference),)
    reference = Column(
        "reference", lambda row: titles.get(row.reference or "", NOTHING), left=True, spare=10
    )
    return Column(f"Δ {design.compared_with} [95 %]", difference), reference


def _more(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.published_more))


def _printed_elsewhere(name: str) -> Column:
    return Column(f"published {name}", lambda row: printed(row.published_more.get(name)), spare=11)


def plus_minus(mean: float | None, std: float | None) -> str:
    """`81.97 ± 0.06`, without the second part when there is no std."""
    if mean is None:
        return NOTHING
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def printed(value: float | None) -> str:
    """A published number with the digits that it was printed with."""
    return NOTHING if value is None else f"{value:g}"


def difference(row: Row) -> str:
    """`+0.50 [+0.10, +0.90]`, without the interval when there is none to measure."""
    if row.equal_predictions:
        return NO_EFFECT
    if row.delta_low is None or row.delta_high is None:
        return signed(row.delta)
    return f"{signed(row.delta)} [{signed(row.delta_low)}, {signed(row.delta_high)}]"


def number(value: float | None, *, digits: int = 3) -> str:
    """A size with a fixed number of digits; three significant ones below 1."""
    if value is None:
        return NOTHING
    return f"{value:.{digits}f}" if value >= 1 or digits == 0 else f"{value:#.3g}"


def markdown_table(rows: Sequence[Row], *, design: Design) -> str:
    """A GitHub-flavoured Markdown table."""
    shown = columns(rows, design=design)
    head = [column.heading for column in shown]
    rule = [":--" if column.left else "--:" for column in shown]
    body = [[markdown(column.cell(row)) for column in shown] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (map(markdown, head), rule, *body))


def csv_table(rows: Sequence[Row]) -> str:
    """Every field of every row, unrounded; mappings as `key:value` pairs."""
    return as_csv([{name: _cell(value) for name, value in asdict(row).items()} for row in rows])


def _cell(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return " ".join(f"{str(key).replace(' ', '_')}:{item}" for key, item in value.items())


def latex_table(rows: Sequence[Row], *, design: Design, caption: str) -> str:
    """A table for LaTeX; needs the package booktabs."""
    shown = columns(rows, design=design)
    lines = [[column.cell(row) for column in shown] for row in rows]
    head = " & ".join(latex(column.heading) for column in shown)
    body = "".join(f"    {' & '.join(map(latex, line))} \\\\\n" for line in lines)
    return (
        "% needs \\usepackage{booktabs}\n"
        "\\begin{table}\n  \\centering\n"
        f"  \\caption{{{latex(caption)}}}\n"
        f"  \\begin{{tabular}}{{{''.join('l' if c.left else 'r' for c in shown)}}}\n"
        f"    \\toprule\n    {head} \\\\\n    \\midrule\n{body}    \\bottomrule\n"
        "  \\end{tabular}\n\\end{table}\n"
    )


def rich_table(
    rows: Sequence[Row], *, design: Design, title: str, width: int
) -> "tuple[Table, tuple[str, ...]]":
    """The table for a terminal, and the headings of the columns left out when it is too narrow."""
    shown = list(columns(rows, design=design))
    left_out: list[str] = []
    while _width(shown, rows) > width and any(column.spare for column in shown):
        least = max(shown, key=lambda column: column.spare)
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
        table.add_row(*cells, style=None if row.adopted else "dim")
    return table


def _seeds(row: Row) -> str:
    return str(row.seeds) if row.seeds == row.planned_seeds else f"{row.seeds}/{row.planned_seeds}"
