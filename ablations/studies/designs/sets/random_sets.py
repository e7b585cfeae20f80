"""Legal sets of a trajectory's steps, drawn at random, for a regression on them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import ClassVar

from ablations.studies.designs.design import DESIGNS, Points
from ablations.studies.designs.point import Point
from ablations.studies.designs.sets.on_sets import OnSets, Row
from ablations.studies.designs.sets.orders import in_seeds


@dataclass
class RandomPoints(Points):
    """Networks with sets of the steps that are drawn at random."""

    kind: str = "random"
    # how many; more keep the earlier ones
    runs: int | None = None
    # steps that every point has
    always: list[str] = field(default_factory=list)
    # of the draws: another one gives other sets
    draw: int = 0


@dataclass(frozen=True)
class RandomSets(OnSets):
    """Legal sets of steps, each equally likely and none twice.

    The smallest and the largest set have all seeds of the study, which tells how much a run varies;
    the others one each, in turn: new networks tell more about the steps than new seeds.
    """

    chosen: RandomPoints

    kind: ClassVar[str] = RandomPoints.kind
    own_seeds: ClassVar[bool] = True
    options: ClassVar[type[Points]] = RandomPoints

    def check(self) -> None:
        """A number of runs that there can be, and steps that have a network."""
        runs = self.chosen.runs
        if runs is None:
            raise ValueError("points.runs has to say how many runs there are.")
        if self.chosen.draw < 0:
            raise ValueError(f"points.draw is {self.chosen.draw}, expected 0 or more.")
        self.check_main_steps("points.always", self.chosen.always)
        if len(self._sets) < 3:
            raise ValueError("points.always leaves so few steps that no set is left to draw.")
        fewest = len(self._first) + 1
        most = len(self._first) + len(self._sets) - 2
        if not fewest <= runs <= most:
            raise ValueError(
                f"points.runs is {runs}, expected {fewest} to {most}: the smallest and the largest "
                f"of {len(self._sets):,} legal sets with {len(self.seeds)} seeds each, and others "
                "with one."
            )

    @property
    def drawn(self) -> str:
        """Of how many."""
        return f"Drawn of {len(self._sets):,} legal sets of steps"

    def points(self) -> tuple[Point, ...]:
        """The sets by number of steps."""
        self.check()
        return self.points_of(self._rows())

    def _rows(self) -> Iterator[Row]:
        yield from self._first
        rng = Random(f"sets {self.chosen.draw}")
        drawn = rng.sample(self._sets[1:-1], len(self._sets) - 2)
        for number, mask in enumerate(drawn[: (self.chosen.runs or 0) - len(self._first)]):
            yield mask, self.seeds[number % len(self.seeds)]

    @cached_property
    def _sets(self) -> list[int]:
        """The legal sets with all steps that every point has."""
        lattice, always = self.steps_lattice, self.mask_of(self.chosen.always)
        sets = (mask for mask in lattice.legal if mask & always == always)
        return sorted(sets, key=lambda mask: (mask.bit_count(), mask))

    @cached_property
    def _first(self) -> set[Row]:
        return in_seeds((self._sets[0], self._sets[-1]), self.seeds)


DESIGNS.register(RandomSets.kind, RandomSets)
