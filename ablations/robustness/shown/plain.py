"""The numbers as plain data: robustness.json beside report.json, and keys of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan
from typing import Any

from ablations.compare.records import StudyRecord
from ablations.robustness.metrics.changes import corruption_changes
from ablations.robustness.metrics.metric import Metric, metric_changes
from ablations.robustness.metrics.sets import MeasuredSet, reference_point
from ablations.robustness.results.collected import Collected
from ablations.robustness.shown.measured import Measured

ROW_KEY = "robustness/{set}/{metric}"  # of a row: the values by seed


def plain(study: StudyRecord, all_measured: Sequence[Measured]) -> dict[str, Any]:
    """Everything, by the title of the set of images.

    `robustness` has every value: set, metric, point, seed. `sets` says what a set is and how it was
    measured, `metrics` the unit of each metric and which direction is better, `changes` the
    difference of each point to its reference with interval, error over images and tests, and
    `corruptions` the changes of top-1 by corruption, in points.
    """
    sets = [(one.found, of) for one in all_measured for of in one.sets]
    return {
        "robustness": {of.title: values_of(of) for _, of in sets},
        "sets": {of.title: _about(found, of) for found, of in sets},
        "metrics": {of.title: {m.name: _unit(m) for m in of.metrics} for _, of in sets},
        "changes": {of.title: _changes(study, of) for _, of in sets},
        "corruptions": {
            of.title: by_corruption
            for found, of in sets
            if (by_corruption := _by_corruption(study, found, of))
        },
        "reference": reference_point(study).label,
        "stale": sum(one.found.stale for one in all_measured),
        "problems": [line for one in all_measured for line in one.found.problems],
    }


def values_of(of: MeasuredSet) -> dict[str, dict[str, dict[str, float]]]:
    """Metric, point, seed: value."""
    return {
        metric.name: {
            point: {str(seed): value for seed, value in by_seed.items()}
            for point, by_seed in metric.values.items()
        }
        for metric in of.metrics
    }


def of_points(all_measured: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """By point, what stands in its row: each metric's values by seed."""
    found: dict[str, dict[str, Any]] = {}
    for of in (of for one in all_measured for of in one.sets):
        for metric in of.metrics:
            key = ROW_KEY.format(set=of.title, metric=metric.name)
            for point, by_seed in metric.values.items():
                found.setdefault(point, {})[key] = {str(s): v for s, v in by_seed.items()}
    return found


def _about(found: Collected, of: MeasuredSet) -> dict[str, Any]:
    conditions = {key: found.kept[key] for key in found.keys(of.start)}
    grid = of.grid
    return {
        "in_memory": of.in_memory,
        "definition": list(of.versions),
        "images": of.images if grid is None else len(grid.images),
        "table": of.parameters.get("table"),
        "jpeg_quality": of.parameters.get("jpeg_quality"),
        "corruptions": None if grid is None else list(grid.corruptions),
        "severities": None if grid is None else list(grid.severities),
        "weights": found.asked.weights,
        "evaluation_seed": found.asked.seed,
        "precision": found.asked.precision,
        "conditions": {key: kept.count for key, kept in conditions.items()},
        "notes": list(of.notes),
    }


def _unit(metric: Metric) -> dict[str, Any]:
    better = {True: "higher", False: "lower", None: None}[metric.higher]
    about = {"unit": metric.unit, "better": better, "images": metric.images}
    return about if metric.chance is None else about | {"chance": metric.chance}


def _changes(study: StudyRecord, of: MeasuredSet) -> dict[str, dict[str, Mapping[str, Any]]]:
    return {
        metric.name: {
            point: asdict(change) | {"seeds": list(change.seeds)}
            for point, change in metric_changes(study, metric).items()
        }
        for metric in of.metrics
    }


def _by_corruption(study: StudyRecord, found: Collected, of: MeasuredSet) -> dict[str, Any]:
    if of.grid is None:
        return {}
    changes = corruption_changes(study, found, of.grid)
    return {
        point: {
            column.name: {
                "change": cell.value,
                "standard_error": None if isnan(cell.error) else cell.error,
            }
            for column, cell in zip(changes.columns, cells, strict=True)
        }
        for point, cells in changes.cells.items()
    }
