"""The columns of a report: a registry.

A measured number is one registered object: it says what the files of a point's runs hold (the
values of a row, by their keys in report.json and table.csv) and how tables show that. `measured` is
for the common case, the mean over seeds of one key of summary.json.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ablations.compare.cells import number
from ablations.compare.records import PointRecord, StudyRecord
from ablations.compare.row import Row
from ablations.statistics.paired import sample
from ablations.store.runs import SUMMARY
from ablations.studies.designs import Design
from lit_models.registry.registry import Registry

LAST = 900  # the order of what stands at the right end of a table


@dataclass(frozen=True)
class Column:
    """One column of a table for people: its heading, and what it says of a row.

    Columns with the highest `drop_order` are hidden first on narrow terminals; 0 is never hidden.
    """

    heading: str
    cell: Callable[[Row], str]
    left: bool = False
    drop_order: int = 0


Shown = Callable[[Sequence[Row], Design], Sequence[Column]]
Values = Callable[[PointRecord], Mapping[str, Any]]
StudyValues = Callable[[StudyRecord], Mapping[str, Mapping[str, Any]]]


def _nothing(rows: Sequence[Row], design: Design) -> Sequence[Column]:
    del rows, design
    return ()


def _no_values(point: PointRecord) -> Mapping[str, Any]:
    del point
    return {}


def _no_study_values(study: StudyRecord) -> Mapping[str, Mapping[str, Any]]:
    del study
    return {}


@dataclass(frozen=True)
class ReportColumn:
    """A kind of column: the values that it adds to a row, and the columns that show them.

    Attributes:
        order: from left to right; ones of one's own stand before the networks' steps.
        shown: the columns for the rows of a study, most often one; none hides the values in tables.
            A column that is empty in every row is left out.
        values: what it adds to the row of a point, by key.
        of_study: likewise what only the whole study says, by label of the point.
    """

    order: int = LAST - 1
    shown: Shown = _nothing
    values: Values = _no_values
    of_study: StudyValues = _no_study_values


COLUMNS: Registry[ReportColumn] = Registry("report column")


def always(column: Column) -> Shown:
    """One column, whatever the rows."""
    return lambda rows, design: (column,)


def measured(
    key: str,
    heading: str | None,
    *,
    decimals: int = 3,
    order: int = LAST - 1,
    drop_order: int = 7,
) -> ReportColumn:
    """The mean over the finished seeds of a number in summary.json, shown under a heading."""
    shown: Shown = _nothing
    if heading is not None:
        cell = partial(_cell, key=key, decimals=decimals)
        shown = always(Column(heading, cell, drop_order=drop_order))
    return ReportColumn(order, shown, lambda point: {key: mean_of(point, key)})


def by_seed(point: PointRecord, key: str) -> dict[int, float]:
    """One value of the summary of every finished run that has it, by seed.

    Raises ValueError, naming the file, for a value that is no number.
    """
    found = [(run, run.summary.get(key)) for run in point.done if run.summary]
    for run, value in found:
        if value is not None and type(value) not in (int, float):
            raise ValueError(
                f"{run.folder / SUMMARY}: {key} is {value!r}, expected a number, of which reports "
                "have the mean over seeds"
            )
    return {run.seed: value for run, value in found if value is not None}


def mean_of(point: PointRecord, key: str) -> float | None:
    """The mean over the finished seeds; None where none has it."""
    return sample(list(by_seed(point, key).values())).mean


def _cell(row: Row, *, key: str, decimals: int) -> str:
    return number(row.values.get(key), decimals=decimals)
