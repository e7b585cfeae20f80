"""Pairs of steps with and without each other, on a network that has the others or has none."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import ClassVar, Literal

from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.on_trajectory import END
from ablations.studies.designs.point import AnyPoint, Point
from ablations.studies.designs.sets.on_sets import OnSets


@dataclass
class InteractionsPoints(Points):
    """The four corners of every pair of some steps."""

    kind: str = "interactions"
    # the steps of which every pair is taken
    steps: list[str] | None = None
    # what else a network has. end: all other steps; start: only those below always
    base: Literal["end", "start"] = "end"
    # start: steps that every point has
    always: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Interactions(OnSets):
    """Each pair of steps: neither, either, both. Corners that are no network are listed so.

    The default base is the end, since a network that anybody would use has the other steps, too.
    """

    chosen: InteractionsPoints

    kind: ClassVar[str] = InteractionsPoints.kind
    options: ClassVar[type[Points]] = InteractionsPoints
    compared_with: ClassVar[str] = "base"
    headline: ClassVar[str] = "largest difference"
    figures: ClassVar[tuple[str, ...]] = ("steps", "differences", "curves")

    def check(self) -> None:
        """Two steps or more, each named once; `always` only where the base leaves steps out."""
        steps, always = self.chosen.steps or [], self.chosen.always
        if len(steps) < 2:
            raise ValueError("points.steps has to name two steps or more, to take pairs of.")
        self.check_main_steps("points.steps", [*steps, *always])
        if always and self.chosen.base == END:
            raise ValueError(
                "points.always has no meaning with points.base=end, where every point has all "
                "other steps: leave it out, or set points.base=start."
            )

    def points(self) -> tuple[Point, ...]:
        """Every corner once, by number of steps; each is compared with the base."""
        self.check()
        base = self.mask_of(self.chosen.always)
        if self.chosen.base == END:
            base = (1 << len(self.trajectory.steps)) - 1
        corners = {base}
        for pair in combinations(self.chosen.steps or (), 2):
            corners |= {base ^ self.mask_of(part) for part in (pair[:1], pair[1:], pair)}
        first = self.point_of(base)
        ordered = sorted(corners, key=lambda mask: (mask.bit_count(), mask))
        points = (self.point_of(mask) for mask in ordered)
        return tuple(
            point if point.label == first.label else replace(point, base=first.label)
            for point in points
        )

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The network that has all other steps, or none of them."""
        return next((other for other in points if other.label == point.base), None)


DESIGNS.register(Interactions.kind, Interactions)
