"""Designs: which points of a trajectory, or which networks, a study trains."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

from ablations.studies.config import Points, PointsKind, StudyConfig
from ablations.studies.networks import network_after
from ablations.studies.published import published_table
from datamodules.config.data import nearest
from lit_models.steps.trajectories import START, TRAJECTORIES, Trajectory

END = "end"  # the step name of the point with all steps, where a design starts from it


@dataclass(frozen=True)
class Point:
    """One point: the steps from the trajectory's start to it, applied in this order.

    `step` says what is special about it: the last step of a cumulative line, the step that is left
    out or added, the steps that are on in a factorial design, the name in an explicit list or of a
    network. `network` is what the steps start from where that is no trajectory.
    """

    label: str  # sorts like the design
    step: str
    steps: tuple[str, ...]
    network: str | None = None


def study_points(study: StudyConfig) -> tuple[Point, ...]:
    """All points of a study.

    Raises ValueError, beginning with the key, for a point that names what there is not.
    """
    if study.points.kind == "networks":
        return _networks(study.points)
    return points_of(study.points, TRAJECTORIES[study.trajectory])


def check_points(study: StudyConfig) -> None:
    """Raise ValueError, beginning with the key, where a study's points cannot be trained.

    Steps of a trajectory are checked by name, points of the kind `networks` entirely.
    """
    if study.points.kind != "networks":
        for key in ("published", "oversized_kernels"):
            if getattr(study, key):
                raise ValueError(
                    f"{key} has no meaning with a trajectory, only with points.kind=networks: "
                    "leave it out."
                )
        check_steps(study.points, TRAJECTORIES[study.trajectory])
        return
    if study.trajectory:
        raise ValueError(
            f"trajectory is {study.trajectory!r}, which has no meaning for points.kind=networks, "
            "whose points name their networks: leave it out."
        )
    if study.published is not None:
        published_table(study.published)
    for point in _networks(study.points):
        try:
            network_after(point.steps, network=point.network)
        except ValueError as error:
            raise ValueError(f"points.networks.{point.step}: {error}") from None


def points_of(design: Points, trajectory: Trajectory) -> tuple[Point, ...]:
    """All points of a design, illegal combinations included.

    Raises ValueError for a step that the trajectory does not have, or that is named twice.
    """
    check_steps(design, trajectory)
    return _DESIGNS[design.kind](design, trajectory)


def check_steps(design: Points, trajectory: Trajectory) -> None:
    """Raise ValueError, beginning with the key, for steps that are unknown or named twice."""
    named = {"points.steps": [*(design.steps or ()), *design.always]}
    named |= {f"points.lists.{label}": steps for label, steps in design.lists.items()}
    for key, steps in named.items():
        for step in steps:
            if step not in trajectory.by_name:
                raise ValueError(
                    f"{key} has {step!r}, which is no step of {trajectory.name}. "
                    f"{nearest(step, trajectory.by_name)}"
                )
            if steps.count(step) > 1:
                raise ValueError(f"{key} has {step!r} twice.")
            if design.kind == "leave_one_out" and step not in trajectory.step_names:
                raise ValueError(
                    f"{key} has {step!r}, another setting of a step: the network with all steps "
                    f"does not have it, so that it cannot be left out."
                )


def _cumulative(design: Points, trajectory: Trajectory) -> tuple[Point, ...]:
    names = trajectory.step_names
    points = [Point(_label(0, START, names), START, ())]
    for number, name in enumerate(names, start=1):
        before = names[: number - 1]
        points.append(Point(_label(number, name, names), name, (*before, name)))
        tried = trajectory.alternatives.get(name, ()) if design.alternatives else ()
        for letter, step in zip("abcdefghijklmnopqrstuvwxyz", tried, strict=False):
            label = _label(number, step.name, names, letter=letter)
            points.append(Point(label, step.name, (*before, step.name)))
    return tuple(points)


def _leave_one_out(design: Points, trajectory: Trajectory) -> tuple[Point, ...]:
    toggled = _ordered(design.steps or trajectory.step_names, trajectory)
    every = trajectory.step_names
    rows = [Point(_label(0, END, toggled), END, every)]
    for number, name in enumerate(toggled, start=1):
        rest = tuple(step for step in every if step != name)
        rows.append(Point(_label(number, f"without_{name}", toggled), name, rest))
    return tuple(rows)


def _add_one_in(design: Points, trajectory: Trajectory) -> tuple[Point, ...]:
    toggled = _ordered(design.steps or trajectory.step_names, trajectory)
    toggled = tuple(step for step in toggled if step not in design.always)
    base = _ordered(design.always, trajectory)
    rows = [Point(_label(0, START, toggled), START, base)]
    for number, name in enumerate(toggled, start=1):
        steps = _ordered((*base, name), trajectory)
        rows.append(Point(_label(number, f"with_{name}", toggled), name, steps))
    return tuple(rows)


def _factorial(design: Points, trajectory: Trajectory) -> tuple[Point, ...]:
    toggled = _ordered(design.steps or (), trajectory)
    # Standard order: the first factor changes fastest.
    corners = [corner[::-1] for corner in product((False, True), repeat=len(toggled))]
    rows = []
    for number, corner in enumerate(corners):
        on = [name for name, is_on in zip(toggled, corner, strict=True) if is_on]
        step = "+".join(on) or START
        steps = _ordered((*design.always, *on), trajectory)
        rows.append(Point(_label(number, step, corners), step, steps))
    return tuple(rows)


def _explicit(design: Points, trajectory: Trajectory) -> tuple[Point, ...]:
    return tuple(
        Point(_label(number, name, design.lists), name, tuple(steps))
        for number, (name, steps) in enumerate(design.lists.items())
    )


def _networks(design: Points) -> tuple[Point, ...]:
    points = []
    for number, (name, row) in enumerate(design.networks.items()):
        if not row:
            raise ValueError(f"points.networks.{name} is empty, expected [NETWORK, STEP...].")
        network, *steps = row
        points.append(Point(_label(number, name, design.networks), name, tuple(steps), network))
    return tuple(points)


_DESIGNS: Mapping[PointsKind, Callable[[Points, Trajectory], tuple[Point, ...]]] = MappingProxyType(
    {
        "cumulative": _cumulative,
        "leave_one_out": _leave_one_out,
        "add_one_in": _add_one_in,
        "factorial": _factorial,
        "explicit": _explicit,
    }
)


def _ordered(names: Iterable[str], trajectory: Trajectory) -> tuple[str, ...]:
    """Steps in the trajectory's order; another setting of a step stands where the step does."""
    order: dict[str, int] = {}
    for number, name in enumerate(trajectory.step_names):
        order[name] = number
        order |= {step.name: number for step in trajectory.alternatives.get(name, ())}
    return tuple(sorted(names, key=order.__getitem__))


def _label(number: int, name: str, among: "Iterable[object]", *, letter: str = "") -> str:
    digits = max(2, len(str(len(list(among)))))
    return f"{number:0{digits}d}{letter}_{name}"
