"""One row of the comparison for each point: accuracy over seeds, difference, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ablations.compare.data_facts import is_unbalanced
from ablations.compare.records import Point, Run, Study
from ablations.compare.statistics import paired_delta, sample
from ablations.studies.designs import made_of
from ablations.studies.designs.published import PublishedRow, PublishedTable
from lit_models.training.metrics import (
    EPOCHS,
    GMACS,
    IMAGES_PER_S,
    PARAMS,
    PEAK_MEMORY_MB,
    TEST_BALANCED,
    TEST_EMA_TOP1,
    TEST_TOP1,
    TRAIN_SECONDS,
)


@dataclass(frozen=True)
class Row:
    """What the report says about one point. Accuracies and differences in percent of top-1.

    `top1` holds the test accuracy of each finished seed after the last epoch. `delta` is the mean
    difference to `reference`, paired by seed, with the ends of its 95 % t interval (None with fewer
    than two pairs of seeds; `delta_seeds` counts the pairs). With `equal_predictions` both predict
    one class for every test image in every pair: no effect to measure, no interval. `made_of` is
    the network that a point names with its steps, None on a trajectory. `published_*` is the
    paper's row of the same step or name: `published_differs` says what of network, data set, image
    size and epochs is not as in this study (None: nothing), `published_more` holds other printed
    numbers by name; `published_best_epoch`: it is the best epoch on the validation images.
    `balanced_accuracy` is the mean over classes of the share that is right, in percent;
    `unbalanced`: the classes of the test split differ so much in size that it says more than
    `top1`. `seeds` counts the finished seeds, `planned_seeds` all. None: not known (yet).
    """

    point: str
    step: str
    title: str
    made_of: str | None
    adopted: bool
    reference: str | None
    seeds: int
    planned_seeds: int
    top1: Mapping[int, float]
    top1_mean: float | None
    top1_std: float | None
    delta_seeds: int
    delta: float | None
    delta_low: float | None
    delta_high: float | None
    delta_p: float | None
    equal_predictions: bool | None
    published_top1: float | None
    published_std: float | None
    published_gmacs: float | None
    published_params_m: float | None
    published_more: Mapping[str, float]
    published_source: str | None
    published_setting: str | None
    published_differs: str | None
    published_note: str | None
    published_best_epoch: bool | None
    params: int | None
    gmacs: float | None
    images_per_s: float | None
    peak_memory_mb: float | None
    train_seconds: float | None
    epochs: int | None
    ema_top1_mean: float | None
    ema_top1_std: float | None
    balanced_accuracy_mean: float | None
    balanced_accuracy_std: float | None
    unbalanced: bool


def study_rows(study: Study) -> tuple[Row, ...]:
    """The comparison of a study, one row a point, in the order of the plan."""
    return tuple(_row(study, point) for point in study.points)


def to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as plain data: what `ablate report --json` prints and `report.json` holds."""
    return [asdict(row) | {"top1": {str(s): v for s, v in row.top1.items()}} for row in rows]


def by_seed(point: Point, key: str) -> dict[int, float]:
    """One value of the summary of every finished run that has it, by seed."""
    return {run.seed: run.summary[key] for run in point.done if run.summary and key in run.summary}


def _row(study: Study, point: Point) -> Row:
    return Row(
        point=point.label,
        step=point.step,
        title=point.title,
        made_of=made_of(point) if point.network else None,
        adopted=point.adopted,
        **_accuracy(point),
        **_difference(point, study.reference(point)),
        **_published(study, point),
        **_cost(point),
    )


def _accuracy(point: Point) -> dict[str, Any]:
    top1, ema = by_seed(point, TEST_TOP1), by_seed(point, TEST_EMA_TOP1)
    raw, averaged = sample(list(top1.values())), sample(list(ema.values()))
    balanced = sample(list(by_seed(point, TEST_BALANCED).values()))
    return {
        "seeds": raw.n,
        "planned_seeds": len(point.runs),
        "top1": top1,
        "top1_mean": raw.mean,
        "top1_std": raw.std,
        "balanced_accuracy_mean": balanced.mean,
        "balanced_accuracy_std": balanced.std,
        "unbalanced": any(is_unbalanced(run.summary or {}) for run in point.done),
        "ema_top1_mean": averaged.mean,
        "ema_top1_std": averaged.std,
    }


def _difference(point: Point, reference: Point | None) -> dict[str, Any]:
    before = by_seed(reference, TEST_TOP1) if reference else {}
    delta = paired_delta(by_seed(point, TEST_TOP1), before)
    equal = equal_predictions(point, reference, delta.seeds) if reference and delta else None
    tested = None if equal else delta
    return {
        "reference": reference.label if reference else None,
        "delta_seeds": len(delta.seeds) if delta else 0,
        "delta": delta.mean if delta else None,
        "delta_low": tested.low if tested else None,
        "delta_high": tested.high if tested else None,
        "delta_p": tested.p if tested else None,
        "equal_predictions": equal,
    }


def equal_predictions(point: Point, reference: Point, seeds: Sequence[int]) -> bool | None:
    """Whether two points predict one class for each test image in these seeds; None: not known."""
    mine, theirs = (
        {run.seed: run.predictions["classes_sha256"] for run in one.done if run.predictions}
        for one in (point, reference)
    )
    if not set(seeds) <= set(mine) & set(theirs):
        return None
    return all(mine[seed] == theirs[seed] for seed in seeds)


def _published(study: Study, point: Point) -> dict[str, Any]:
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


def _differs(study: Study, point: Point, table: PublishedTable, row: PublishedRow) -> str | None:
    """Why a printed number is no reference value for a measured one; None where it is."""
    data, recipe = study.config.get("data", {}), study.config.get("recipe", {})
    other = table.other_setting(
        row,
        data=str(data.get("name")),
        image_size=int(data.get("image_size") or 0),
        epochs=int(recipe.get("epochs") or 0),
    )
    if "data set" in other:
        return "another data set and scale"
    same_network = study.design.same_network(point, row)
    other = other if same_network else ("network", *other)
    return f"different {', '.join(other)}" if other else None


def _cost(point: Point) -> dict[str, Any]:
    epochs = by_seed(point, EPOCHS).values()
    params, gmacs = by_seed(point, PARAMS).values(), by_seed(point, GMACS).values()
    return {
        "params": next(iter(params), point.params),
        "gmacs": next(iter(gmacs), point.gmacs),
        "images_per_s": _mean(point, IMAGES_PER_S),
        "peak_memory_mb": _mean(point, PEAK_MEMORY_MB),
        "train_seconds": _mean(point, TRAIN_SECONDS),
        "epochs": max(map(int, epochs), default=None),
    }


def _mean(point: Point, key: str) -> float | None:
    return sample(list(by_seed(point, key).values())).mean


def run_problem(run: Run) -> str:
    """Why a run has no result, in words."""
    if run.problem:
        return run.problem.strip().splitlines()[-1]
    words = {"new": "not started", "running": "running", "interrupted": "stopped before its end"}
    return words.get(run.state, run.state)
