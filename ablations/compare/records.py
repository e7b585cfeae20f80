"""A study as its files tell it: `index.json` and the run folders that it names, nothing else."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ablations.files.markup import printable
from ablations.statistics.seeds.rule import SeedsRule
from ablations.store.hints import hint
from ablations.store.index_file import one_line, read_index, seeds_rule
from ablations.store.runs import INDEX, RunFolder, run_path, study_path
from ablations.studies.designs import Design, Point, read_design
from ablations.studies.designs.design import StepOrder


@dataclass(frozen=True)
class RunRecord:
    """One planned run. `problem` says why it failed, or which file of it cannot be read."""

    point: str
    step: str
    steps: tuple[str, ...]
    network: str | None
    base: str | None
    seed: int
    run_id: str
    folder: Path
    state: str
    config: Mapping[str, Any] | None
    summary: Mapping[str, Any] | None
    provenance: Mapping[str, Any] | None
    metrics: tuple[Mapping[str, float], ...]
    predictions: Mapping[str, Any] | None = None
    problem: str | None = None
    unmatched: str | None = None  # the run of the same point with its own widths, where matched

    @property
    def done(self) -> bool:
        """Whether the run is finished and its results can be read."""
        return self.state == "done" and self.summary is not None


@dataclass(frozen=True)
class PointRecord:
    """One network of a study with its runs, one a seed."""

    label: str
    step: str
    steps: tuple[str, ...]
    network: str | None  # what the steps start from, where that is no trajectory
    base: str | None  # the label of what it is compared with, where the design says so
    title: str
    on_main_line: bool  # False: an alternative that the trajectory did not keep
    runs: tuple[RunRecord, ...]
    params: int | None = None  # as planned; a finished run's own count is in its summary
    gmacs: float | None = None

    @property
    def done(self) -> tuple[RunRecord, ...]:
        """The finished runs, by seed."""
        return tuple(run for run in self.runs if run.done)


@dataclass(frozen=True)
class IllegalRecord:
    """A point that is no network, and why."""

    point: str
    reason: str


@dataclass(frozen=True)
class StudyRecord:
    """What was planned and what came of it. `design` is how its points were chosen."""

    name: str
    title: str
    command: str
    design: Design
    points: tuple[PointRecord, ...]
    illegal: tuple[IllegalRecord, ...] = ()
    data_title: str | None = None  # as the study calls its data; None: an index without
    # of all steps, each a row of players, first the trajectory's own; a player is a step or a group
    orders: tuple[StepOrder, ...] = ()
    match: Mapping[str, Any] | None = None  # how widths were solved for a cost; None: as they are
    seeds_rule: SeedsRule | None = None  # None: its seeds were listed
    robustness: Mapping[str, Any] | None = None  # its key `robustness`; None: it has none

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """Every run, point by point."""
        return tuple(run for point in self.points for run in point.runs)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every planned seed."""
        return tuple(sorted({run.seed for run in self.runs}))

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the first run that has one; empty when none has."""
        return next((run.config for run in self.runs if run.config is not None), {})

    def point_of(self, run: RunRecord) -> PointRecord:
        """The point that a run belongs to."""
        return self._by_label[run.point]

    @cached_property
    def _by_label(self) -> Mapping[str, PointRecord]:
        return {point.label: point for point in self.points}

    def reference(self, point: PointRecord) -> PointRecord | None:
        """The point that a point is compared with; None for the first."""
        return self.design.reference(point, self.points)


def load_study(study: str, *, runs_root: Path, only: Collection[str] | None = None) -> StudyRecord:
    """Read a study's index and every run folder in it.

    With `only`, the runs of the points that have one of these runs are read, and all others are as
    new.
    Raises ValueError when the study was never run or its index cannot be read. A run folder that is
    missing or damaged is no error: its run says so.
    """
    path = study_path(runs_root, study) / INDEX
    index, run = read_index(study, runs_root), hint("run", study, root=runs_root)
    if index is None:
        raise ValueError(f"{path}: no such file; {run} starts the study")
    try:
        published, kind, line = index.get("published"), index["points"], index["trajectory"]
        outline = index.get("outline")
        design = read_design(kind, trajectory=line, published=published, outline=outline)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error} {run} writes it again and keeps every finished run"
        ) from None
    if index.get("match"):
        design = design.without_published()
    if not index["rows"]:
        raise ValueError(f"{path}: the study has no runs")
    read = {row["point"] for row in index["rows"] if only is None or row["run_id"] in only}
    rows = [_row(row, runs_root, read=row["point"] in read) for row in index["rows"]]
    illegal = tuple(IllegalRecord(i["point"], i["reason"]) for i in index.get("illegal") or ())
    points = _points(rows, design, index)
    title = str(index.get("title") or design.title)
    named, rule = index.get("data_title"), seeds_rule(index)
    orders = tuple(tuple(map(tuple, order)) for order in index.get("orders") or ())
    return StudyRecord(
        study,
        title,
        index["command"],
        design,
        points,
        illegal,
        named,
        orders,
        index.get("match") or None,
        rule,
        index.get("robustness") or None,
    )


def _row(row: Mapping[str, Any], runs_root: Path, *, read: bool) -> RunRecord:
    planned: dict[str, Any] = {name: row[name] for name in ("point", "step", "seed", "run_id")}
    folder = RunFolder(run_path(runs_root, row["run_id"]))
    planned |= {"steps": tuple(row["steps"])}
    planned |= {key: row.get(key) for key in ("network", "base", "unmatched")}
    planned |= {"folder": folder.path, "state": folder.state() if read else "new"}
    nothing: dict[str, Any] = dict.fromkeys(("config", "summary", "provenance"))
    nothing["metrics"] = ()
    if planned["state"] == "new":
        return RunRecord(**planned, **nothing)
    try:
        found: dict[str, Any] = {
            "config": one_line(folder.whole_config()),
            "summary": folder.summary(),
            "provenance": one_line(folder.provenance()),
            "metrics": tuple(folder.metrics()),
            "predictions": folder.predictions(),
        }
    except ValueError as error:
        return RunRecord(**{**planned, **nothing, "state": "failed", "problem": str(error)})
    message = folder.message()
    return RunRecord(**planned, **found, problem=message and printable(message))


def _points(
    rows: Sequence[RunRecord], design: Design, index: Mapping[str, Any]
) -> tuple[PointRecord, ...]:
    grouped: dict[str, list[RunRecord]] = {}
    for run in rows:
        grouped.setdefault(run.point, []).append(run)
    sizes = {row["point"]: {k: row.get(k) for k in ("params", "gmacs")} for row in index["rows"]}
    points = []
    for label, runs in grouped.items():
        one = runs[0]
        named = Point(label, one.step, one.steps, one.network, one.base)
        said: dict[str, Any] = {
            "title": design.title_of(named),
            "on_main_line": design.on_main_line(named),
        }
        ordered = tuple(sorted(runs, key=lambda run: run.seed))
        said |= {key: getattr(named, key) for key in ("label", "step", "steps", "network", "base")}
        points.append(PointRecord(**said, runs=ordered, **sizes[label]))
    return tuple(points)
