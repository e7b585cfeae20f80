"""A study's runs: points x seeds, validated and hashed. Trains nothing, imports no torch."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ablations.extensions.copies import used_by_weights
from ablations.planning.cost import setting_of
from ablations.planning.hashing import Hashing
from ablations.planning.matching import Matched, match_points, match_to_plain, with_runs
from ablations.planning.networks import check_kernels, trained
from ablations.planning.normal_form import SCHEMA_VERSION
from ablations.planning.run_config import Labels, RunConfig, run_config
from ablations.statistics.seeds.rule import Stage
from ablations.store.finished import look_at
from ablations.store.index_file import rows_of
from ablations.store.runs import RunFolder, State, run_path
from ablations.studies.config import Study, trajectory_of
from ablations.studies.designs import Point
from ablations.studies.designs.matched import End, match_of
from ablations.studies.networks import image_sides, network_after
from ablations.studies.points import study_design
from datamodules.catalog.catalog import title
from datamodules.catalog.freshness import check_fresh
from datamodules.catalog.resolved import Data, resolve
from datamodules.sampling.batching import accumulation
from lit_models.families.reference import Network
from lit_models.recipe.weight_files import weight_files
from lit_models.steps.trajectory import outline_to_plain

PlannedState = State | Literal["stale"]
ILLEGAL = "illegal"


@dataclass(frozen=True)
class PlannedRun:
    """One (point, seed). Rows with equal configurations have equal run ids and share one folder."""

    run_id: str
    config: RunConfig
    unmatched: str | None = None  # the run of the same point with its own widths, where matched

    @property
    def point(self) -> str:
        """The label of its point."""
        return self.config.labels.point

    @property
    def step(self) -> str:
        """What is special about the point."""
        return self.config.labels.step

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that lead to it."""
        return self.config.labels.steps

    @property
    def network(self) -> str | None:
        """What the steps start from, where that is no trajectory."""
        return self.config.labels.network

    @property
    def seed(self) -> int:
        """Of order, augmentation and initial weights."""
        return self.config.seed

    @property
    def spec(self) -> Network:
        """The network that is trained."""
        return self.config.spec


@dataclass(frozen=True)
class IllegalPoint:
    """A combination of steps that is no network, and why."""

    point: str
    step: str
    steps: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Plan:
    """All rows of a study in the order of its design, seeds inside points.

    Attributes:
        data: the study's, as it is on this machine.
        networks: what is trained, by the label of its point.
        sides: of the images that the networks see, in px, by the key that says so.
        match: where widths were solved, for what and how.
        stage: where the seeds follow a rule, how far it is; see `ablations.planning.stages`.
    """

    study: Study
    data: Data
    sides: Mapping[str, int]
    networks: Mapping[str, Network]
    rows: tuple[PlannedRun, ...]
    illegal: tuple[IllegalPoint, ...]
    match: Matched | None = None
    stage: Stage | None = None

    def unique(self) -> dict[str, PlannedRun]:
        """One row for every run id: what there is to train."""
        first: dict[str, PlannedRun] = {}
        for row in self.rows:
            first.setdefault(row.run_id, row)
        return first

    def places(self) -> Iterator[tuple[str, int, str]]:
        """Point, seed and run id of every row."""
        return ((row.point, row.seed, row.run_id) for row in self.rows)


def make_plan(study: Study) -> Plan:
    """Every run of a study.

    Points of generated designs that are no networks are listed with the reason; in explicit lists
    and among networks they are a ValueError, and so are a recipe and images that do not fit a
    point, and a batch that the devices cannot share. Specs are those of the networks that are
    trained: with what the recipe says about networks.
    """
    recipe, devices = study.recipe, study.hardware.devices
    accumulation(recipe.batch_size, recipe.batch_size_per_device, devices)
    data = resolve(study.data)
    sides = image_sides(data, recipe.augment)
    check_fresh(data)
    design = study_design(study)
    points: list[tuple[Point, Network]] = []
    illegal: list[IllegalPoint] = []
    line = trajectory_of(study) if study.trajectory else ""
    for point in design.points():
        try:
            spec = network_after(point.steps, trajectory=line, network=point.network)
        except ValueError as error:
            illegal.append(IllegalPoint(point.label, point.step, point.steps, str(error)))
        else:
            points.append((point, trained(study, point, spec, sides)))
    key = design.hand_written
    if illegal and key is not None:
        reasons = "; ".join(f"{point.step}: {point.reason}" for point in illegal)
        raise ValueError(f"study {study.name}: {key} has points that are illegal: {reasons}")
    match = _matched(study, data, points, sides)
    if match is not None:
        points = [(p, match.found[p.label].spec) for p, _ in points if p.label in match.found]
    networks = {point.label: spec for point, spec in points}
    check_kernels(study, networks, sides)
    hashing = _hashing(study, data, points[0][1]) if points else None
    rows = tuple(_rows(study, points, match, hashing)) if hashing else ()
    if match is not None and hashing is not None:
        match = with_runs(match, lambda spec: hashing.run_ids(spec, study.seeds))
    return Plan(study, data, sides, networks, rows, tuple(illegal), match)


def states(plan: Plan, runs_root: Path) -> dict[tuple[str, int], PlannedState]:
    """The state of every row by (point, seed), from files alone.

    A row is stale when nothing is known about its run, and the study's last `ablate run` trained
    the same point and seed under another configuration.
    """
    rows = rows_of(plan.study.name, runs_root)
    before = {(row["point"], row["seed"]): row["run_id"] for row in rows}
    looks = look_at(plan.unique(), runs_root)
    found: dict[tuple[str, int], PlannedState] = {}
    for row in plan.rows:
        key = (row.point, row.seed)
        state: PlannedState = looks[row.run_id].state
        old = before.get(key, row.run_id)
        if state == "new" and old != row.run_id and _has_results(run_path(runs_root, old)):
            state = "stale"
        found[key] = state
    return found


def index_of(plan: Plan, command: str) -> dict[str, Any]:
    """What index.json says: the rows of a study, for `status`, `report` and `board`.

    Rows of points that name their networks also have `network` and, in a grid, `base`; the study
    has `published`. A study on a trajectory of its file's own has the `outline` of that, one that
    was chosen by orders of the steps these in `orders`, the trajectory's own first. One that names
    suites has the keys of `robustness`. One at equal
    cost has `match`, its rows `unmatched`: the run of the point with its own widths.
    """
    study, design = plan.study, study_design(plan.study)
    keys, extra = ["point", "step", "steps", "seed", "run_id"], dict[str, Any]()
    if not design.on_trajectory:
        keys, extra = [*keys, "network"], {"published": study.published}
    elif study.own_trajectory is not None:
        extra = {"outline": outline_to_plain(study.own_trajectory)}
    if plan.stage is not None:
        extra["seeds_rule"] = asdict(plan.stage.rule)
    if study.robustness.suite:
        extra["robustness"] = asdict(study.robustness)
    if design.orders:
        extra["orders"] = [[[*player] for player in order] for order in design.orders]
    if plan.match is not None:
        extra["match"] = match_to_plain(plan.match, {row.seed for row in plan.rows})
        keys = [*keys, "unmatched"]
    bases = {point.label: {"base": point.base} for point in design.points() if point.base}
    return {
        "schema": SCHEMA_VERSION,
        "study": study.name,
        "title": study.title,
        "data_title": title(plan.data.config),
        "trajectory": study.trajectory,
        "points": study.points.kind,
        **extra,
        "command": command,
        "rows": [
            {key: getattr(row, key) for key in keys} | bases.get(row.point, {}) for row in plan.rows
        ],
        "illegal": [vars(point) for point in plan.illegal],
    }


def _matched(
    study: Study, data: Data, points: list[tuple[Point, Network]], sides: Mapping[str, int]
) -> Matched | None:
    """The points at equal cost, where the study asks for that."""
    match = match_of(study.points)
    if match is None:
        return None
    line = trajectory_of(study)
    steps: Mapping[End, tuple[str, ...]] = {"start": (), "end": line.step_names}

    def end(name: End) -> Network:
        point = Point(f"the trajectory's {name}", name, steps[name])
        return trained(study, point, line.apply(steps[name]), sides)

    try:
        return match_points(points, match, end=end, setting=setting_of(data))
    except ValueError as reason:
        raise ValueError(f"study {study.name}: {reason}") from None


def _rows(
    study: Study,
    points: list[tuple[Point, Network]],
    match: Matched | None,
    hashing: Hashing,
) -> Iterator[PlannedRun]:
    """The runs of the points."""
    for point, spec in points:
        used, hashed = hashing.of(spec)
        before = match.unmatched[point.label] if match else None
        unmatched = hashing.run_ids(before, study.seeds) if before else {}
        labels = _labels(study, point)
        for seed in study.seeds if point.seeds is None else point.seeds:
            config = replace(hashing.first, spec=spec, seed=seed, extensions=used, labels=labels)
            yield PlannedRun(hashing.named(hashed, seed), config, unmatched.get(seed))


def _hashing(study: Study, data: Data, spec: Network) -> Hashing:
    first = run_config(
        spec, data=data, recipe=study.recipe, seed=study.seeds[0], hardware=study.hardware
    )
    return Hashing(first, used_by_weights(weight_files(study.recipe).values()))


def _labels(study: Study, point: Point) -> Labels:
    own = study.own_trajectory  # of which no other file says what its names mean
    return Labels(
        study=study.name,
        trajectory=study.trajectory,
        point=point.label,
        step=point.step,
        steps=point.steps,
        network=point.network,
        start_from=own.start_from if own else (),
        texts=own.texts_of(point.steps) if own else (),
    )


def _has_results(folder: Path) -> bool:
    return RunFolder(folder).state() != "new"
