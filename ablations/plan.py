"""A study's runs: points x seeds, validated and hashed. Trains nothing, imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from ablations.config import Study
from ablations.identity import SCHEMA_VERSION, digest, identity, run_id
from ablations.points import Point, points_of
from ablations.store import INDEX, RunFolder, State, read_json, run_path, study_path
from lit_models.spec import ArchSpec, IllegalSpec
from lit_models.steps import apply_steps
from lit_models.training import trained_spec
from lit_models.trajectories import TRAJECTORIES

PlannedState = State | Literal["stale"]
ILLEGAL = "illegal"
_HARDWARE = ("accelerator", "devices", "num_workers", "threads")  # what a run itself needs


@dataclass(frozen=True)
class PlannedRun:
    """One (point, seed). Rows with equal configurations have equal run ids and share one folder."""

    run_id: str
    point: str
    step: str
    steps: tuple[str, ...]
    seed: int
    spec: ArchSpec
    config: dict[str, Any]  # what its config.json says


@dataclass(frozen=True)
class IllegalPoint:
    """A combination of steps that is no network, and why."""

    point: str
    step: str
    steps: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Plan:
    """All rows of a study in the order of its design, seeds inside points."""

    study: Study
    rows: tuple[PlannedRun, ...]
    illegal: tuple[IllegalPoint, ...]

    def unique(self) -> dict[str, PlannedRun]:
        """One row for every run id: what there is to train."""
        first: dict[str, PlannedRun] = {}
        for row in self.rows:
            first.setdefault(row.run_id, row)
        return first


def make_plan(study: Study) -> Plan:
    """Every run of a study.

    Points of generated designs that are no networks are listed with the reason; in explicit lists
    they are a ValueError, and so is a recipe that does not fit a point. Specs are those of the
    networks that are trained: with what the recipe says about networks.
    """
    trajectory = TRAJECTORIES[study.trajectory]
    rows: list[PlannedRun] = []
    illegal: list[IllegalPoint] = []
    for point in points_of(study.points, trajectory):
        try:
            steps = [trajectory.by_name[name] for name in point.steps]
            spec = apply_steps(trajectory.start, steps)
        except ValueError as error:
            illegal.append(IllegalPoint(point.label, point.step, point.steps, str(error)))
        else:
            spec = _trained(study, point, spec)
            rows += [_row(study, point, spec, seed) for seed in study.seeds]
    if illegal and study.points.kind == "explicit":
        reasons = "; ".join(f"{point.step}: {point.reason}" for point in illegal)
        raise ValueError(f"study {study.name}: points.lists has points that are illegal: {reasons}")
    return Plan(study, tuple(rows), tuple(illegal))


def states(plan: Plan, runs_root: Path) -> dict[tuple[str, int], PlannedState]:
    """The state of every row by (point, seed), from files alone.

    A row is stale when nothing is known about its run, and the study's last `ablate run` trained
    the same point and seed under another configuration.
    """
    before = {(row["point"], row["seed"]): row["run_id"] for row in index_rows(plan, runs_root)}
    found: dict[tuple[str, int], PlannedState] = {}
    for row in plan.rows:
        key = (row.point, row.seed)
        state: PlannedState = RunFolder(run_path(runs_root, row.run_id)).state()
        old = before.get(key, row.run_id)
        if state == "new" and old != row.run_id and _has_results(run_path(runs_root, old)):
            state = "stale"
        found[key] = state
    return found


def index_rows(plan: Plan, runs_root: Path) -> list[dict[str, Any]]:
    """The rows of the study's last `ablate run`; none before the first."""
    index = read_json(study_path(runs_root, plan.study.name) / INDEX) or {}
    return cast("list[dict[str, Any]]", index.get("rows", []))


def index_of(plan: Plan, command: str) -> dict[str, Any]:
    """What index.json says: the rows of a study, for `status`, `report` and `board`."""
    keys = ("point", "step", "steps", "seed", "run_id")
    return {
        "schema": SCHEMA_VERSION,
        "study": plan.study.name,
        "title": plan.study.title,
        "trajectory": plan.study.trajectory,
        "points": plan.study.points.kind,
        "command": command,
        "rows": [{key: getattr(row, key) for key in keys} for row in plan.rows],
        "illegal": [vars(point) for point in plan.illegal],
    }


def _trained(study: Study, point: Point, spec: ArchSpec) -> ArchSpec:
    """The point's network with what the recipe says about networks."""
    where = f"study {study.name}: the recipe does not fit point {point.label}"
    if study.recipe.blur_pool and spec.blur_pool:
        raise ValueError(
            f"{where}: recipe.blur_pool changes nothing, since the network has blur pool already; "
            "leave it out of the recipe or of the point's steps"
        )
    try:
        return trained_spec(spec, study.recipe)
    except IllegalSpec as reason:
        raise ValueError(f"{where}: {reason}") from None


def _row(study: Study, point: Point, spec: ArchSpec, seed: int) -> PlannedRun:
    resolved = identity(spec, data=study.data, recipe=study.recipe, seed=seed)
    name = run_id(resolved)
    labels = {"study": study.name, "trajectory": study.trajectory, **vars(point)}
    config = {
        **resolved,
        "run_id": name,
        "root": study.data.root,
        "beton": study.data.beton,
        "download": study.data.download,
        "hardware": {key: getattr(study.hardware, key) for key in _HARDWARE},
        "labels": {("point" if key == "label" else key): labels[key] for key in labels},
    }
    return PlannedRun(
        run_id=name,
        point=point.label,
        step=point.step,
        steps=point.steps,
        seed=seed,
        spec=spec,
        config=config,
    )


def _has_results(folder: Path) -> bool:
    return RunFolder(folder).state() != "new"


def distinct_specs(rows: Iterable[PlannedRun]) -> dict[str, ArchSpec]:
    """The different networks among the rows, by the hash of their spec."""
    return {digest(row.config["spec"]): row.spec for row in rows}
