"""What all designs have in common whose points lie on a trajectory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from string import ascii_lowercase
from typing import Any, ClassVar, Self

from ablations.studies.designs.design import Design, Points
from ablations.studies.designs.point import AnyPoint, Named
from ablations.studies.designs.published import PublishedRow, PublishedTable, published_table
from lit_models.registry.names import nearest
from lit_models.steps.trajectories import START, TRAJECTORIES
from lit_models.steps.trajectory import Outline

END = "end"  # the step name of the point with all steps, where a design starts from it


@dataclass(frozen=True)
class OnTrajectory(Design):
    """Points of a trajectory."""

    trajectory: Outline
    chosen: Any  # the options; each design knows their type

    on_trajectory: ClassVar[bool] = True
    noun: ClassVar[str] = "step"
    headline: ClassVar[str] = "largest difference"
    figures: ClassVar[tuple[str, ...]] = ("steps", "differences", "cost", "curves")

    @classmethod
    def create(
        cls,
        points: Points | None,
        *,
        trajectory: str,
        published: str | None,
        own: Outline | None = None,
    ) -> Self:
        """The design on a trajectory; `published` is that of the trajectory itself."""
        del published
        if own is None and trajectory not in TRAJECTORIES:
            raise ValueError(f"trajectory is {trajectory!r}. {nearest(trajectory, TRAJECTORIES)}")
        line = TRAJECTORIES[trajectory] if own is None else own
        return cls(line, cls.options() if points is None else points)

    @property
    def title(self) -> str:
        """The trajectory's."""
        return self.trajectory.title

    @property
    def fact(self) -> tuple[str, str]:
        """The trajectory and the kind."""
        return "trajectory", f"{self.trajectory.title} ({self.trajectory.name}), {self.kind}"

    @cached_property
    def published(self) -> PublishedTable | None:
        """The published results of the trajectory."""
        key = self.trajectory.published
        return published_table(key) if key else None

    def without_published(self) -> Self:
        """The same on the trajectory without its published results."""
        return replace(self, trajectory=replace(self.trajectory, published=None))

    def title_of(self, point: Named) -> str:
        """The titles of its steps."""
        if point.step == START:
            return self.trajectory.start_title if not point.steps else "none of them"
        titles = {name: one.title for name, one in self.trajectory.by_name.items()}
        return " + ".join(titles.get(name, name) for name in point.step.split("+"))

    def summary_of(self, point: Named) -> str:
        """What its step changes."""
        step = self.trajectory.by_name.get(point.step)
        return step.summary if step else ""

    def published_row(self, point: Named) -> PublishedRow | None:
        """The published row with the steps of a point: None off the trajectory's own line."""
        rows = self.published.rows if self.published else {}
        if not point.steps:
            return rows.get(START)
        *before, last = point.steps
        names = self.trajectory.step_names
        main = names[len(before)] if len(before) < len(names) else None
        tried = {step.name for step in self.trajectory.alternatives.get(main or "", ())}
        on_line = tuple(before) == names[: len(before)] and last in {main, *tried}
        return rows.get(last) if on_line else None

    def same_network(self, point: Named, row: PublishedRow) -> bool:
        """Whether the row is of this trajectory.

        Another size has the same steps, and so may a study file's own trajectory, whatever it is
        called: its networks are none of the published ones.
        """
        del point, row
        line = TRAJECTORIES.get(self.published.trajectory or "") if self.published else None
        return line is not None and line is self.trajectory

    def hparams(self, point: Named, points: Sequence[Named]) -> Mapping[str, str | bool]:
        """Every step of some point, on or off."""
        used = {step for one in points for step in one.steps}
        found: dict[str, str | bool] = {}
        for number, main in enumerate(self.trajectory.step_names, start=1):
            tried = (step.name for step in self.trajectory.alternatives.get(main, ()))
            for letter, name in zip(("", *ascii_lowercase), (main, *tried), strict=False):
                if name in used:
                    found[f"{number:02d}{letter}_{name}"] = name in point.steps
        return found

    def ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """Steps in the trajectory's order; an alternative stands where its step does."""
        order: dict[str, int] = {}
        for number, name in enumerate(self.trajectory.step_names):
            order[name] = number
            order |= {step.name: number for step in self.trajectory.alternatives.get(name, ())}
        return tuple(sorted(names, key=order.__getitem__))

    def check_steps(self, key: str, steps: Sequence[str]) -> None:
        """Raise ValueError, beginning with the key, for steps that are unknown or named twice."""
        known = self.trajectory.by_name
        for step in steps:
            if step not in known:
                raise ValueError(
                    f"{key} has {step!r}, which is no step of {self.trajectory.name}. "
                    f"{nearest(step, known)}"
                )
            if list(steps).count(step) > 1:
                raise ValueError(f"{key} has {step!r} twice.")


def longest_start(point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
    """The point with the longest beginning of a point's row of steps; None where there is none.

    An alternative of a step is thus compared with the step before, as the step itself is.
    """
    earlier = [p for p in points if _begins(point.steps, p.steps)]
    return max(earlier, key=lambda p: len(p.steps), default=None)


def fewest_steps(point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
    """The point with the fewest steps, the first of several; None for that itself."""
    chosen = min(points, key=lambda p: len(p.steps))
    return None if chosen.label == point.label else chosen


def _begins(steps: tuple[str, ...], start: tuple[str, ...]) -> bool:
    return len(start) < len(steps) and steps[: len(start)] == start
