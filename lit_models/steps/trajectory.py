"""A trajectory: a start spec, ordered steps, and the settings that were tried beside a step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from lit_models.space.spec import ArchSpec
from lit_models.steps.step import Step, apply_steps

START = "start"  # the step name of the point before any step


@dataclass(frozen=True)
class Trajectory:
    """A line through the design space.

    `alternatives` maps the name of a step to other settings of it; each takes the step's place.
    `published` names the curve in the published results, when there is one.
    """

    name: str
    title: str
    start: ArchSpec
    start_title: str
    steps: tuple[Step, ...]
    image_size: int
    alternatives: Mapping[str, tuple[Step, ...]]
    published: str | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """Every step and alternative of the trajectory by its name."""
        others = [step for tried in self.alternatives.values() for step in tried]
        return MappingProxyType({step.name: step for step in (*self.steps, *others)})

    @property
    def step_names(self) -> tuple[str, ...]:
        """Names of the main steps, in order."""
        return tuple(step.name for step in self.steps)

    def apply(self, names: Sequence[str]) -> ArchSpec:
        """The start after these steps, in this order; a set of them is one network in any order.

        Raises KeyError for a step that the trajectory does not have, ValueError where one cannot be
        applied, or where two are settings of one step, of which the later would win.
        """
        for main, tried in self.alternatives.items():
            chosen = [name for name in names if name in {main, *(step.name for step in tried)}]
            if len(chosen) > 1:
                raise ValueError(
                    f"{' and '.join(chosen)} are settings of one step: a network has one of them"
                )
        return apply_steps(self.start, [self.by_name[name] for name in names])

    def spec_after(self, name: str) -> ArchSpec:
        """The spec after the main steps up to `name`; START is none of them.

        An alternative takes its step's place.

        Raises KeyError when the trajectory has no such step.
        """
        if name == START:
            return self.start
        tried = {
            alternative.name: main
            for main, group in self.alternatives.items()
            for alternative in group
        }
        last = self.step_names.index(tried.get(self.by_name[name].name, name))
        return apply_steps(self.start, (*self.steps[:last], self.by_name[name]))
