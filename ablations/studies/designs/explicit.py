"""Lists of steps, each with a name of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.matched import TrajectoryPoints
from ablations.studies.designs.names import check_point_names
from ablations.studies.designs.on_trajectory import OnTrajectory, longest_start
from ablations.studies.designs.point import AnyPoint, Named, Point, numbered


@dataclass
class ExplicitPoints(TrajectoryPoints):
    """Points written down one by one."""

    kind: str = "explicit"
    # a name for each point and its steps, applied in the order given
    lists: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Explicit(OnTrajectory):
    """Points written down one by one."""

    chosen: ExplicitPoints

    kind: ClassVar[str] = ExplicitPoints.kind
    options: ClassVar[type[Points]] = ExplicitPoints
    hand_written: ClassVar[str | None] = "points.lists"
    compared_with: ClassVar[str] = "reference"

    def check(self) -> None:
        """At least one list; names and steps that are ones."""
        if not self.chosen.lists:
            raise ValueError("points.lists has to give a name and a list of steps for each point.")
        check_point_names("points.lists", self.chosen.lists)
        for name, steps in self.chosen.lists.items():
            self.check_steps(f"points.lists.{name}", steps)

    def points(self) -> tuple[Point, ...]:
        """The lists in the order given."""
        self.check()
        return tuple(
            Point(numbered(number, name, self.chosen.lists), name, tuple(steps))
            for number, (name, steps) in enumerate(self.chosen.lists.items())
        )

    def title_of(self, point: Named) -> str:
        """The name that the study gave it."""
        return point.step

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The point with the longest beginning of its list."""
        return longest_start(point, points)


DESIGNS.register(Explicit.kind, Explicit)
