"""Every combination of some steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import ClassVar

from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.matched import TrajectoryPoints
from ablations.studies.designs.on_trajectory import OnTrajectory, fewest_steps
from ablations.studies.designs.point import AnyPoint, Point, numbered
from lit_models.steps.trajectories import START


@dataclass
class FactorialPoints(TrajectoryPoints):
    """Every combination of some steps, on or off."""

    kind: str = "factorial"
    # the steps to combine
    steps: list[str] | None = None
    # steps that every point has
    always: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Factorial(OnTrajectory):
    """Every combination of some steps, on or off."""

    chosen: FactorialPoints

    kind: ClassVar[str] = FactorialPoints.kind
    options: ClassVar[type[Points]] = FactorialPoints
    compared_with: ClassVar[str] = "none"

    def check(self) -> None:
        """At least one step, each named once."""
        if not self.chosen.steps:
            raise ValueError("points.steps has to name the steps of the factorial design.")
        self.check_steps("points.steps", [*self.chosen.steps, *self.chosen.always])

    def points(self) -> tuple[Point, ...]:
        """All combinations in standard order: the first step changes fastest."""
        self.check()
        factors = self.ordered(self.chosen.steps or ())
        corners = [corner[::-1] for corner in product((False, True), repeat=len(factors))]
        rows = []
        for number, corner in enumerate(corners):
            on = [name for name, is_on in zip(factors, corner, strict=True) if is_on]
            step = "+".join(on) or START
            steps = self.ordered((*self.chosen.always, *on))
            rows.append(Point(numbered(number, step, corners), step, steps))
        return tuple(rows)

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The combination with none of the steps."""
        return fewest_steps(point, points)


DESIGNS.register(Factorial.kind, Factorial)
