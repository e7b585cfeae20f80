"""The start of a trajectory, and the same with each step in turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.matched import TrajectoryPoints
from ablations.studies.designs.on_trajectory import OnTrajectory, fewest_steps
from ablations.studies.designs.point import AnyPoint, Point, numbered
from lit_models.steps.trajectories import START


@dataclass
class AddOneInPoints(TrajectoryPoints):
    """The start, and it with each step."""

    kind: str = "add_one_in"
    # the steps to add, each by itself; null: all of the trajectory
    steps: list[str] | None = None
    # steps that every point has
    always: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AddOneIn(OnTrajectory):
    """The start, and it with each step."""

    chosen: AddOneInPoints

    kind: ClassVar[str] = AddOneInPoints.kind
    options: ClassVar[type[Points]] = AddOneInPoints
    compared_with: ClassVar[str] = "start"

    def check(self) -> None:
        """Steps of the trajectory, each named once."""
        self.check_steps("points.steps", [*(self.chosen.steps or ()), *self.chosen.always])

    def points(self) -> tuple[Point, ...]:
        """What every point has, then that with one step more."""
        self.check()
        added = self.ordered(self.chosen.steps or self.trajectory.step_names)
        added = tuple(step for step in added if step not in self.chosen.always)
        base = self.ordered(self.chosen.always)
        rows = [Point(numbered(0, START, added), START, base)]
        for number, name in enumerate(added, start=1):
            steps = self.ordered((*base, name))
            rows.append(Point(numbered(number, f"with_{name}", added), name, steps))
        return tuple(rows)

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The start."""
        return fewest_steps(point, points)


DESIGNS.register(AddOneIn.kind, AddOneIn)
