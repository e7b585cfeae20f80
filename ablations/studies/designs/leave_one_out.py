"""The end of a trajectory, and the same without each step in turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.matched import TrajectoryPoints
from ablations.studies.designs.on_trajectory import END, OnTrajectory
from ablations.studies.designs.point import AnyPoint, Named, Point, numbered


@dataclass
class LeaveOneOutPoints(TrajectoryPoints):
    """The network with all steps, and it without each."""

    kind: str = "leave_one_out"
    # the steps to leave out, each by itself; null: all of the trajectory
    steps: list[str] | None = None


@dataclass(frozen=True)
class LeaveOneOut(OnTrajectory):
    """The network with all steps, and it without each."""

    chosen: LeaveOneOutPoints

    kind: ClassVar[str] = LeaveOneOutPoints.kind
    options: ClassVar[type[Points]] = LeaveOneOutPoints
    compared_with: ClassVar[str] = "all steps"

    def check(self) -> None:
        """Steps that the network with all steps has."""
        steps = self.chosen.steps or ()
        self.check_steps("points.steps", steps)
        for step in steps:
            if step not in self.trajectory.step_names:
                raise ValueError(
                    f"points.steps has {step!r}, another setting of a step: the network with all "
                    "steps does not have it, so that it cannot be left out."
                )

    def points(self) -> tuple[Point, ...]:
        """All steps, then all but one."""
        self.check()
        every = self.trajectory.step_names
        left_out = self.ordered(self.chosen.steps or every)
        rows = [Point(numbered(0, END, left_out), END, every)]
        for number, name in enumerate(left_out, start=1):
            rest = tuple(step for step in every if step != name)
            rows.append(Point(numbered(number, f"without_{name}", left_out), name, rest))
        return tuple(rows)

    def title_of(self, point: Named) -> str:
        """Which step is left out."""
        if point.step == END:
            return "all steps"
        return f"without {super().title_of(point)}"

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The network with the most steps."""
        chosen = max(points, key=lambda p: len(p.steps))
        return None if chosen.label == point.label else chosen


DESIGNS.register(LeaveOneOut.kind, LeaveOneOut)
