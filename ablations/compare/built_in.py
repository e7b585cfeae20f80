"""The columns that every report has."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ablations.compare.cells import difference, number, plus_minus, printed
from ablations.compare.columns import (
    COLUMNS,
    LAST,
    Column,
    ReportColumn,
    always,
    by_seed,
    measured,
)
from ablations.compare.data_facts import is_unbalanced
from ablations.compare.records import PointRecord
from ablations.compare.row import Row
from ablations.files.markup import NOTHING
from ablations.statistics.paired import sample
from ablations.studies.designs import Design
from lit_models.training.metrics import (
    EPOCHS,
    GMACS,
    IMAGES_PER_S,
    PARAMS,
    PEAK_MEMORY_MB,
    TEST_BALANCED,
    TEST_EMA_TOP1,
    TRAIN_SECONDS,
)

EMA, BALANCED, UNBALANCED = "ema_top1", "balanced_accuracy", "unbalanced"  # keys of a row's values
PUBLISHED = "published (%)"


def _titles(rows: Sequence[Row], design: Design) -> Sequence[Column]:
    del rows
    return (Column(design.noun, _title, left=True),)


def _title(row: Row) -> str:
    return row.title if row.on_main_line else f"({row.title})"


def _seeds(row: Row) -> str:
    return str(row.seeds) if row.seeds == row.planned_seeds else f"{row.seeds}/{row.planned_seeds}"


def _differences(rows: Sequence[Row], design: Design) -> Sequence[Column]:
    """The differences, and what each is taken from where one heading cannot say it."""
    titles = {row.point: row.title for row in rows}
    taken_from = list(dict.fromkeys(row.reference for row in rows if row.reference))
    if not all(row.made_of for row in rows) or not taken_from:
        return (Column(f"Δ {design.compared_with} [95 %]", difference),)
    if len(taken_from) == 1:
        return (Column(f"Δ {titles[taken_from[0]]} [95 %]", difference),)
    reference = Column(
        "reference", lambda row: titles.get(row.reference or "", NOTHING), left=True, drop_order=10
    )
    return Column(f"Δ {design.compared_with} [95 %]", difference), reference


def _printed_elsewhere(rows: Sequence[Row], design: Design) -> Sequence[Column]:
    """The other numbers of published rows."""
    del design
    names = dict.fromkeys(name for row in rows for name in row.published_more)
    return [_printed(name) for name in names]


def _printed(name: str) -> Column:
    heading = f"published {name}"
    return Column(heading, lambda row: printed(row.published_more.get(name)), drop_order=11)


def _over_seeds(name: str, key: str, point: PointRecord) -> Mapping[str, Any]:
    found = sample(list(by_seed(point, key).values()))
    return {f"{name}_mean": found.mean, f"{name}_std": found.std}


def _mean_and_std(row: Row, name: str) -> str:
    return plus_minus(row.values.get(f"{name}_mean"), row.values.get(f"{name}_std"))


def _balanced(point: PointRecord) -> Mapping[str, Any]:
    """The mean over classes of the share that is right, in percent.

    `unbalanced`: the classes of the test split differ so much in size that it says more than top-1.
    """
    unbalanced = any(is_unbalanced(run.summary or {}) for run in point.done)
    return {**_over_seeds(BALANCED, TEST_BALANCED, point), UNBALANCED: unbalanced}


def _balanced_cell(row: Row) -> str:
    return _mean_and_std(row, BALANCED) if row.values.get(UNBALANCED) else NOTHING


def _epochs(point: PointRecord) -> Mapping[str, Any]:
    return {EPOCHS: max(map(int, by_seed(point, EPOCHS).values()), default=None)}


def _params(point: PointRecord) -> Mapping[str, Any]:
    return {PARAMS: next(iter(by_seed(point, PARAMS).values()), point.params)}


def _gmacs(point: PointRecord) -> Mapping[str, Any]:
    return {GMACS: next(iter(by_seed(point, GMACS).values()), point.gmacs)}


def _said(
    name: str,
    order: int,
    heading: str,
    cell: Callable[[Row], str],
    *,
    left: bool = False,
    drop_order: int = 0,
    values: Callable[[PointRecord], Mapping[str, Any]] | None = None,
) -> None:
    """Register a column of one heading."""
    shown = always(Column(heading, cell, left, drop_order))
    kind = ReportColumn(order, shown) if values is None else ReportColumn(order, shown, values)
    COLUMNS.register(name, kind)


# In the order of report.json's keys; tables have their own order.
_said(
    "params",
    70,
    "params (M)",
    lambda row: number(row.params and row.params / 1e6),
    drop_order=3,
    values=_params,
)
_said("gmacs", 90, "GMACs", lambda row: number(row.gmacs), drop_order=1, values=_gmacs)
COLUMNS.register("speed", measured(IMAGES_PER_S, "images/s", decimals=0, order=110, drop_order=5))
COLUMNS.register(
    "memory", measured(PEAK_MEMORY_MB, "memory (MiB)", decimals=0, order=120, drop_order=6)
)
COLUMNS.register("time", measured(TRAIN_SECONDS, None))
COLUMNS.register("epochs", ReportColumn(values=_epochs))
_said(
    "EMA",
    50,
    "EMA top-1 (%)",
    partial(_mean_and_std, name=EMA),
    drop_order=2,
    values=partial(_over_seeds, EMA, TEST_EMA_TOP1),
)
_said("balanced", 40, "balanced (%)", _balanced_cell, drop_order=1, values=_balanced)
# Without values of their own: what the row itself says.
COLUMNS.register("title", ReportColumn(0, _titles))
_said("seeds", 10, "seeds", _seeds)
_said("top-1", 20, "top-1 (%)", lambda row: plus_minus(row.top1_mean, row.top1_std))
COLUMNS.register("difference", ReportColumn(30, _differences))
_said(
    "published",
    60,
    PUBLISHED,
    lambda row: plus_minus(row.published_top1, row.published_std),
    drop_order=4,
)
_said(
    "published params",
    80,
    "published params (M)",
    lambda row: printed(row.published_params_m),
    drop_order=9,
)
_said(
    "published GMACs",
    100,
    "published GMACs",
    lambda row: printed(row.published_gmacs),
    drop_order=8,
)
COLUMNS.register("published elsewhere", ReportColumn(130, _printed_elsewhere))
_said("made of", LAST, "made of", lambda row: row.made_of or NOTHING, left=True, drop_order=12)
