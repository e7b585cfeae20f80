"""The column of the report's table of all points: the mean corrupted error of each set."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ablations.compare.cells import plus_minus
from ablations.compare.columns import Column, ReportColumn
from ablations.compare.records import StudyRecord
from ablations.compare.row import Row
from ablations.robustness.metrics.corrupted import MEAN_CORRUPTED_ERROR
from ablations.robustness.shown.measured import measured
from ablations.robustness.shown.plain import ROW_KEY, of_points
from ablations.statistics.paired import sample
from ablations.studies.designs import Design

_END = ROW_KEY.format(set="", metric=MEAN_CORRUPTED_ERROR).removeprefix("robustness/")
_START = "robustness/"


def robustness_column() -> ReportColumn:
    """One column a set of corrupted images; the values of all metrics."""
    return ReportColumn(57, _shown, of_study=_values)


def _values(study: StudyRecord) -> Mapping[str, Mapping[str, Any]]:
    return of_points(measured(study))


def _shown(rows: Sequence[Row], design: Design) -> Sequence[Column]:
    del design
    keys = dict.fromkeys(
        key for row in rows for key in row.values if key.startswith(_START) and key.endswith(_END)
    )
    return [Column(_heading(key), partial(_cell, key=key), drop_order=2) for key in keys]


def _heading(key: str) -> str:
    return f"{key.removeprefix(_START).removesuffix(_END)}: {MEAN_CORRUPTED_ERROR} (%)"


def _cell(row: Row, *, key: str) -> str:
    found = sample(list(row.values.get(key, {}).values()))
    some = f" ({found.n} of {row.seeds})" if found.n and found.n < row.seeds else ""
    return plus_minus(found.mean, found.std) + some
