"""The trajectory step by step: the start, then one step more at each point."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import ClassVar

from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.matched import TrajectoryPoints
from ablations.studies.designs.on_trajectory import OnTrajectory, longest_start
from ablations.studies.designs.point import AnyPoint, Named, Point, numbered
from lit_models.steps.trajectories import START


@dataclass
class CumulativePoints(TrajectoryPoints):
    """The trajectory step by step."""

    kind: str = "cumulative"
    # also train the other settings of a step, such as other kernel sizes
    alternatives: bool = False


@dataclass(frozen=True)
class Cumulative(OnTrajectory):
    """The start, then step after step."""

    chosen: CumulativePoints

    kind: ClassVar[str] = CumulativePoints.kind
    options: ClassVar[type[Points]] = CumulativePoints
    is_line: ClassVar[bool] = True
    compared_with: ClassVar[str] = "previous step"
    headline: ClassVar[str] = "first to last"

    def check(self) -> None:
        """Nothing can be wrong."""

    def points(self) -> tuple[Point, ...]:
        """The start and every step after all before it, with the alternatives beside a step."""
        names = self.trajectory.step_names
        points = [Point(numbered(0, START, names), START, ())]
        for number, name in enumerate(names, start=1):
            before = names[: number - 1]
            points.append(Point(numbered(number, name, names), name, (*before, name)))
            alternatives = self.trajectory.alternatives.get(name, ())
            tried = alternatives if self.chosen.alternatives else ()
            for letter, step in zip(ascii_lowercase, tried, strict=False):
                label = numbered(number, step.name, names, letter=letter)
                points.append(Point(label, step.name, (*before, step.name)))
        return tuple(points)

    def on_main_line(self, point: Named) -> bool:
        """False for a point with an alternative."""
        return set(point.steps) <= set(self.trajectory.step_names)

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The step before."""
        return longest_start(point, points)


DESIGNS.register(Cumulative.kind, Cumulative)
