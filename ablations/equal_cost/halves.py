"""The two halves of a comparison at equal cost: matched networks, and those with their own widths.

The runs of the second half are found by the ids that the plan gave them, wherever they were trained
as part of another study of the same trajectory, data and recipe.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.compare.columns import by_seed
from ablations.compare.records import PointRecord, StudyRecord
from ablations.store.runs import RunFolder
from ablations.studies.designs import Point
from lit_models.training.metrics import GMACS, PARAMS, TEST_TOP1

_COSTS: Mapping[str, str] = {"gmacs": GMACS, "params": PARAMS}
Summaries = Mapping[str, Mapping[str, Any]]  # by run id


@dataclass(frozen=True)
class Place:
    """A point of the trajectory: its network at equal cost, and that with its own widths.

    A network is called by its runs: it is one in both halves where the solved widths are its own.
    """

    point: Point
    title: str
    matched: str
    own: str
    absorbed: bool


@dataclass(frozen=True)
class Halves:
    """All points with the top-1 and the cost of their networks.

    Attributes:
        values: test top-1 in percent by network and seed.
        costs: in the unit of the match, of networks with their own widths that have a result.
        planned: how many runs with the networks' own widths there are, of which `missing` are not
            finished.
        problems: why results of finished ones cannot be read.
    """

    places: tuple[Place, ...]
    values: Mapping[str, Mapping[int, float]]
    costs: Mapping[str, float]
    planned: int
    missing: int
    problems: tuple[str, ...]


def read_halves(study: StudyRecord, match: Mapping[str, Any]) -> Halves:
    """Both halves of a matched study, in the order of its trajectory's points."""
    here = {point.label: point for point in study.points}
    own = {label: _own_runs(point) for label, point in here.items()}
    absorbed = {one["point"]: one for one in match["absorbed"] if one["into"] in here}
    own |= {
        label: {int(seed): run for seed, run in one["unmatched"].items()}
        for label, one in absorbed.items()
    }
    ids = {run for runs in own.values() for run in runs.values()}
    found, problems = _summaries(ids, study.points[0].runs[0].folder.parent)
    values = {_name(runs.values()): _top1(runs, found) for runs in own.values()}
    values |= {_matched(point): by_seed(point, TEST_TOP1) for point in here.values()}
    costs = {_name(r.values()): _cost(r.values(), found, match["unit"]) for r in own.values()}
    places = [
        Place(
            Point(label, point.step, point.steps),
            point.title,
            _matched(point),
            _name(own[label].values()),
            absorbed=False,
        )
        for label, point in here.items()
    ]
    for label, one in absorbed.items():
        point = Point(label, one["step"], tuple(one["steps"]))
        title, into = study.design.title_of(point), here[one["into"]]
        runs = _name(own[label].values())
        places.append(Place(point, title, _matched(into), runs, absorbed=True))
    return Halves(
        tuple(sorted(places, key=lambda place: place.point.label)),
        values,
        {name: cost for name, cost in costs.items() if cost is not None},
        len(ids),
        len(ids - found.keys()),
        problems,
    )


def _own_runs(point: PointRecord) -> dict[int, str]:
    return {run.seed: run.unmatched for run in point.runs if run.unmatched is not None}


def _matched(point: PointRecord) -> str:
    return _name(run.run_id for run in point.runs)


def _name(runs: Iterable[str]) -> str:
    return " ".join(sorted(runs))


def _summaries(runs: Iterable[str], folder: Path) -> tuple[Summaries, tuple[str, ...]]:
    """The summaries of the finished runs, and why some cannot be read."""
    found: dict[str, Mapping[str, Any]] = {}
    problems = []
    for run in sorted(runs):
        one = RunFolder(folder / run)
        try:
            summary = one.summary() if one.state() == "done" else None
        except ValueError as error:
            problems.append(f"{error}.")
        else:
            found |= {run: summary} if summary is not None else {}
    return found, tuple(problems)


def _top1(runs: Mapping[int, str], found: Summaries) -> dict[int, float]:
    return {seed: float(found[run][TEST_TOP1]) for seed, run in runs.items() if run in found}


def _cost(runs: Iterable[str], found: Summaries, unit: str) -> float | None:
    """What a network costs, by the first of its runs that says so."""
    said = (found[run].get(_COSTS[unit]) for run in runs if run in found)
    return next((float(cost) for cost in said if cost is not None), None)
