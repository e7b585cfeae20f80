"""One row of the comparison for each point: accuracy over seeds, difference, cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.compare import built_in  # noqa: F401 registers the columns that there always are
from ablations.compare.columns import COLUMNS, by_seed
from ablations.compare.differences import differences
from ablations.compare.records import PointRecord, RunRecord, StudyRecord
from ablations.compare.row import PLAIN_KEYS, Row
from ablations.statistics.paired import sample
from ablations.studies.designs import made_of
from ablations.studies.designs.published import PublishedRow, PublishedTable
from lit_models.training.metrics import TEST_TOP1


def study_rows(study: StudyRecord) -> tuple[Row, ...]:
    """The comparison of a study, one row a point, in the order of the plan."""
    found = differences(study)
    whole = {name: kind.of_study(study) for name, kind in COLUMNS.items()}
    return tuple(_row(study, point, found[point.label], whole) for point in study.points)


def to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as plain data: what `ablate report --json` prints and `report.json` holds."""
    return [row.plain() | {"top1": {str(s): v for s, v in row.top1.items()}} for row in rows]


def _row(
    study: StudyRecord,
    point: PointRecord,
    difference: Mapping[str, Any],
    whole: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Row:
    return Row(
        point=point.label,
        step=point.step,
        title=point.title,
        made_of=made_of(point) if point.network else None,
        on_main_line=point.on_main_line,
        **_accuracy(point),
        **difference,
        **_published(study, point),
        values=_values(point, whole),
    )


def _values(
    point: PointRecord, whole: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    """What the columns measured, by key: of two that give one key, one would silently win."""
    found: dict[str, Any] = {}
    for name, kind in COLUMNS.items():
        said = {**kind.values(point), **whole[name].get(point.label, {})}
        for key, value in said.items():
            if key in PLAIN_KEYS or found.get(key, value) != value:
                raise ValueError(
                    f"{COLUMNS.origin(name)}: the report column {name!r} gives {key!r}, which "
                    "reports have already: give it another key"
                )
            found[key] = value
    return found


def _accuracy(point: PointRecord) -> dict[str, Any]:
    top1 = by_seed(point, TEST_TOP1)
    found = sample(list(top1.values()))
    return {
        "seeds": found.n,
        "planned_seeds": len(point.runs),
        "top1": top1,
        "top1_mean": found.mean,
        "top1_std": found.std,
    }


def _published(study: StudyRecord, point: PointRecord) -> dict[str, Any]:
    table, row = study.design.published, study.design.published_row(point)
    if table is None or row is None:
        names = ("top1", "std", "gmacs", "params_m", "source", "setting", "differs", "note")
        nothing = {f"published_{name}": None for name in (*names, "best_epoch")}
        return nothing | {"published_more": {}}
    return {
        "published_top1": row.top1,
        "published_std": row.std,
        "published_gmacs": row.gflops,
        "published_params_m": row.params_m,
        "published_more": dict(row.more),
        "published_source": table.source_of(row),
        "published_setting": table.setting_of(row),
        "published_differs": _differs(study, point, table, row),
        "published_note": table.notes_of(row),
        "published_best_epoch": table.is_best_epoch(row),
    }


def _differs(
    study: StudyRecord, point: PointRecord, table: PublishedTable, row: PublishedRow
) -> str | None:
    """What a published number was measured with that this study has otherwise; None: nothing."""
    data, recipe = study.config.get("data", {}), study.config.get("recipe", {})
    other = table.other_setting(
        row,
        data=str(data.get("name")),
        image_size=int(data.get("image_size") or 0),
        epochs=int(recipe.get("epochs") or 0),
    )
    if "data set" in other:
        return "another data set and scale"
    # at equal cost a network has other widths than the published one
    same_network = study.match is None and study.design.same_network(point, row)
    other = other if same_network else ("network", *other)
    return f"different {', '.join(other)}" if other else None


def run_problem(run: RunRecord) -> str:
    """Why a run has no result, in words."""
    if run.problem:
        return run.problem.strip().splitlines()[-1]
    words = {"new": "not started", "running": "running", "interrupted": "stopped before its end"}
    return words.get(run.state, run.state)
