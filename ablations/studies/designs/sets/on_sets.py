"""What designs have in common whose points are any legal sets of a trajectory's steps."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from typing import ClassVar, Self

from ablations.extensions.loading import EXTENSIONS
from ablations.studies.designs.on_trajectory import END, OnTrajectory, fewest_steps
from ablations.studies.designs.point import AnyPoint, Named, Point
from lit_models.space.spec import ArchSpec
from lit_models.steps.lattice import Lattice, lattice_from
from lit_models.steps.step import Step
from lit_models.steps.trajectories import START
from lit_models.steps.trajectory import Trajectory

Row = tuple[int, int]  # set, seed
MOST_NAMED = 2  # steps in a title


@dataclass(frozen=True)
class OnSets(OnTrajectory):
    """Points that are sets of main steps, as bit masks: bit i is step i of the trajectory.

    A label says how many steps a point has and which: the same in every study of the trajectory,
    however many points there are. Alternatives of steps are in none.
    """

    seeds: tuple[int, ...] = (0,)

    noun: ClassVar[str] = "set of steps"
    compared_with: ClassVar[str] = "start"
    headline: ClassVar[str] = "first to last"
    figures: ClassVar[tuple[str, ...]] = ("curves",)

    def for_seeds(self, seeds: Sequence[int]) -> Self:
        """The design with these seeds to give to its points."""
        return replace(self, seeds=tuple(seeds))

    @cached_property
    def steps_lattice(self) -> Lattice:
        """The legal sets of the trajectory's steps. Raises ValueError where there are too many."""
        line = self.trajectory
        assert isinstance(line, Trajectory), "a report has no points to choose"
        try:
            return _lattice(line.start, line.steps, tuple(EXTENSIONS))
        except ValueError as error:
            raise ValueError(f"points.kind={self.kind}: {error}") from None

    def points_of(self, rows: Iterable[Row]) -> tuple[Point, ...]:
        """The points with runs of these sets and seeds, by number of steps."""
        seeds: dict[int, set[int]] = {}
        for mask, seed in rows:
            seeds.setdefault(mask, set()).add(seed)
        order = sorted(seeds, key=lambda mask: (mask.bit_count(), mask))
        return tuple(self.point_of(mask, seeds[mask]) for mask in order)

    def point_of(self, mask: int, seeds: Collection[int] | None = None) -> Point:
        """The point of a set; `seeds` are those of its runs, None all of the study's."""
        names = self.trajectory.step_names
        steps = tuple(name for i, name in enumerate(names) if mask >> i & 1)
        step = {(): START, names: END}.get(steps, "+".join(steps))
        digits = -(-len(names) // 4)
        label = f"{len(steps):02d}_m{mask:0{digits}x}"
        chosen = None if seeds is None else tuple(s for s in self.seeds if s in seeds)
        return Point(label, step, steps, seeds=None if chosen == self.seeds else chosen)

    def mask_of(self, steps: Iterable[str]) -> int:
        """Main steps as a set."""
        names = self.trajectory.step_names
        return sum(1 << names.index(step) for step in steps)

    @property
    def legend(self) -> str:
        """The steps by number."""
        numbered = (
            f"{number} {step.title}" for number, step in enumerate(self.trajectory.steps, 1)
        )
        return f"Steps by number: {', '.join(numbered)}."

    def title_of(self, point: Named) -> str:
        """Its steps, or those that it lacks, where they are few; else their numbers."""
        lacking = [name for name in self.trajectory.step_names if name not in point.steps]
        if not point.steps:
            return self.trajectory.start_title
        if not lacking:
            return "all steps"
        if len(point.steps) <= MOST_NAMED:
            return self._titles(point.steps)
        if len(lacking) <= MOST_NAMED:
            return f"without {self._titles(lacking)}"
        return f"steps {self._numbers(point.steps)}"

    def summary_of(self, point: Named) -> str:
        """The titles of its steps."""
        return self._titles(point.steps)

    def _titles(self, steps: Iterable[str]) -> str:
        known = self.trajectory.by_name
        return " + ".join(known[step].title if step in known else step for step in steps)

    def _numbers(self, steps: Collection[str]) -> str:
        """Where steps stand in the trajectory, from 1: 1-3, 5."""
        places = [n for n, name in enumerate(self.trajectory.step_names, 1) if name in steps]
        rows = [list(row) for _, row in groupby(places, key=lambda n: n - places.index(n))]
        return ", ".join(f"{row[0]}-{row[-1]}" if len(row) > 1 else f"{row[0]}" for row in rows)

    def hparams(self, point: Named, points: Sequence[Named]) -> Mapping[str, str | bool]:
        """Every step, on or off."""
        names = self.trajectory.step_names
        return {f"{n:02d}_{name}": name in point.steps for n, name in enumerate(names, start=1)}

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        """The start."""
        return fewest_steps(point, points)

    def check_main_steps(self, key: str, steps: Sequence[str]) -> None:
        """Raise ValueError, beginning with the key, for steps that are no main ones, or twice."""
        self.check_steps(key, steps)
        for step in steps:
            if step not in self.trajectory.step_names:
                raise ValueError(
                    f"{key} has {step!r}, another setting of a step: sets are of the trajectory's "
                    "own steps."
                )


@lru_cache(maxsize=16)
def _lattice(start: ArchSpec, steps: tuple[Step, ...], extensions: tuple[str, ...]) -> Lattice:
    """A lattice while these files of one's own say what steps mean.

    Remembered, since a file is checked before it is planned.
    """
    del extensions
    return lattice_from(start, steps)
