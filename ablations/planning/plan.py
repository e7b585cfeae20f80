"""A study's runs: points x seeds, validated and hashed. Trains nothing, imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from ablations.planning.identity import identity, run_id
from ablations.planning.normal_form import SCHEMA_VERSION
from ablations.store.index_file import rows_of
from ablations.store.runs import RunFolder, State, run_path
from ablations.studies.config import PointsKind, Study
from ablations.studies.networks import (
    for_images,
    image_sides,
    network_after,
    waste_notes,
    wasted,
    with_recipe,
)
from ablations.studies.points import Point, study_points
from datamodules.catalog.catalog import content, title, whereabouts
from datamodules.catalog.freshness import check_fresh
from datamodules.sampling.batching import accumulation
from lit_models.families.reference import Network

PlannedState = State | Literal["stale"]
ILLEGAL = "illegal"
# Keys of points that somebody wrote down one by one, by kind.
_GIVEN: Mapping[PointsKind, str] = MappingProxyType(
    {"explicit": "points.lists", "networks": "points.networks"}
)
_HARDWARE = ("accelerator", "devices", "num_workers", "threads")  # what a run itself needs


@dataclass(frozen=True)
class PlannedRun:
    """One (point, seed). Rows with equal configurations have equal run ids and share one folder."""

    run_id: str
    point: str
    step: str
    steps: tuple[str, ...]
    seed: int
    spec: Network
    config: dict[str, Any]  # what its config.json says
    network: str | None = None  # what the steps start from, where that is no trajectory


class _Once(NamedTuple):
    """What all rows of a plan have in common and takes a look at the data to know."""

    content: str | None
    whereabouts: Mapping[str, str | None]


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

    def networks(self) -> dict[str, Network]:
        """The network of every point."""
        return {row.point: row.spec for row in self.rows}


def make_plan(study: Study) -> Plan:
    """Every run of a study.

    Points of generated designs that are no networks are listed with the reason; in explicit lists
    and among networks they are a ValueError, and so are a recipe and images that do not fit a
    point, and a batch that the devices cannot share. Specs are those of the networks that are
    trained: with what the recipe says about networks.
    """
    recipe, devices = study.recipe, study.hardware.devices
    accumulation(recipe.batch_size, recipe.batch_size_per_device, devices)
    rows: list[PlannedRun] = []
    illegal: list[IllegalPoint] = []
    sides = image_sides(study)
    check_fresh(study.data)
    once = _Once(content(study.data), whereabouts(study.data))
    for point in study_points(study):
        try:
            spec = network_after(point.steps, trajectory=study.trajectory, network=point.network)
        except ValueError as error:
            illegal.append(IllegalPoint(point.label, point.step, point.steps, str(error)))
        else:
            spec = _trained(study, point, spec, sides)
            rows += [_row(study, point, spec, seed, once) for seed in study.seeds]
    key = _GIVEN.get(study.points.kind)
    if illegal and key is not None:
        reasons = "; ".join(f"{point.step}: {point.reason}" for point in illegal)
        raise ValueError(f"study {study.name}: {key} has points that are illegal: {reasons}")
    plan = Plan(study, tuple(rows), tuple(illegal))
    _check_kernels(plan, sides)
    return plan


def states(plan: Plan, runs_root: Path) -> dict[tuple[str, int], PlannedState]:
    """The state of every row by (point, seed), from files alone.

    A row is stale when nothing is known about its run, and the study's last `ablate run` trained
    the same point and seed under another configuration.
    """
    rows = rows_of(plan.study.name, runs_root)
    before = {(row["point"], row["seed"]): row["run_id"] for row in rows}
    found: dict[tuple[str, int], PlannedState] = {}
    for row in plan.rows:
        key = (row.point, row.seed)
        state: PlannedState = RunFolder(run_path(runs_root, row.run_id)).state()
        old = before.get(key, row.run_id)
        if state == "new" and old != row.run_id and _has_results(run_path(runs_root, old)):
            state = "stale"
        found[key] = state
    return found


def index_of(plan: Plan, command: str) -> dict[str, Any]:
    """What index.json says: the rows of a study, for `status`, `report` and `board`.

    Rows of a study of networks also have `network`, and the study `published`.
    """
    study = plan.study
    keys, extra = ["point", "step", "steps", "seed", "run_id"], dict[str, Any]()
    if study.points.kind == "networks":
        keys, extra = [*keys, "network"], {"published": study.published}
    return {
        "schema": SCHEMA_VERSION,
        "study": study.name,
        "title": study.title,
        "data_title": title(study.data),
        "trajectory": study.trajectory,
        "points": study.points.kind,
        **extra,
        "command": command,
        "rows": [{key: getattr(row, key) for key in keys} for row in plan.rows],
        "illegal": [vars(point) for point in plan.illegal],
    }


def _trained(study: Study, point: Point, spec: Network, sides: Mapping[str, int]) -> Network:
    """The point's network with what the recipe says about networks, for the study's images."""
    try:
        spec = with_recipe(spec, study.recipe)
    except ValueError as reason:
        where = f"study {study.name}: the recipe does not fit point {point.label}"
        raise ValueError(f"{where}: {reason}") from None
    try:
        return for_images(spec, sides)
    except ValueError as reason:
        raise ValueError(f"study {study.name}: point {point.label}: {reason}") from None


def _check_kernels(plan: Plan, sides: Mapping[str, int]) -> None:
    """Refuse networks whose kernels are larger than sense; a trajectory's are only noted."""
    study = plan.study
    if study.points.kind != "networks" or study.oversized_kernels:
        return
    notes = waste_notes(wasted(plan.networks(), sides))
    if notes:
        raise ValueError(
            f"study {study.name}: kernels that are larger than sense: {'; '.join(notes)}. Take "
            "smaller kernels (kernel_size=N) or larger images (data.image_size), or allow them "
            "with oversized_kernels=true"
        )


def _row(study: Study, point: Point, spec: Network, seed: int, once: _Once) -> PlannedRun:
    resolved = identity(spec, data=study.data, recipe=study.recipe, seed=seed, content=once.content)
    name = run_id(resolved)
    labels = {"study": study.name, "trajectory": study.trajectory, **point.names()}
    config = {
        **resolved,
        "run_id": name,
        **once.whereabouts,
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
        network=point.network,
    )


def _has_results(folder: Path) -> bool:
    return RunFolder(folder).state() != "new"
