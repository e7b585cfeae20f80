"""A step: a named, documented, pure function from spec to spec.

A step refuses, with the reason, a spec that has nothing for it to edit, and a step that would
change nothing is an error: a toggle without effect is a wrong number in a table.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lit_models.space.spec import ArchSpec


class IllegalStep(ValueError):
    """A step that cannot be applied here; the message says why and what it needs."""


@dataclass(frozen=True)
class Step:
    """A named edit of a spec.

    `texts` is what it is written as in the step language; empty for a step made by its function.
    """

    name: str
    title: str  # for figures and tables
    summary: str  # what changes, one sentence
    edit: Callable[[ArchSpec], ArchSpec]
    needs: str = ""  # what a network has where it changes something, where that can be said
    conditional: bool = False  # its text says what it changes: one of several may change nothing
    texts: tuple[str, ...] = ()
    group: str = ""  # of steps of a trajectory that belong together, as in the paper's sections
    source: str = ""  # paper and table

    def apply(self, spec: ArchSpec) -> ArchSpec:
        """The spec after the step.

        Raises IllegalStep when the spec lacks what the step edits, when the result is no network,
        or when nothing would change.
        """
        try:
            after = self.edit(spec)
        except ValueError as reason:
            raise IllegalStep(f"step {self.name!r} cannot be applied: {reason}") from None
        if after == spec:
            raise IllegalStep(f"step {self.name!r} {_without_effect(self)}")
        return after


def apply_steps(spec: ArchSpec, steps: Iterable[Step]) -> ArchSpec:
    """The spec after all steps, left to right; raises IllegalStep at the first that is illegal."""
    for step in steps:
        spec = step.apply(spec)
    return spec


def in_a_row(steps: Sequence[Step]) -> Callable[[ArchSpec], ArchSpec]:
    """The edits of several steps as one.

    It raises ValueError for one that changes nothing, unless that is part of what its text says.
    """

    def edit(spec: ArchSpec) -> ArchSpec:
        for step in steps:
            after = step.edit(spec)
            need(after != spec or step.conditional, f"{step.name!r} {_without_effect(step)}")
            spec = after
        return spec

    return steps[0].edit if len(steps) == 1 else edit


def need(condition: bool, reason: str) -> None:  # noqa: FBT001 reads like assert
    """Refuse a step with the reason unless the condition holds."""
    if not condition:
        raise ValueError(reason)


def _without_effect(step: Step) -> str:
    needs = f": {step.needs}" if step.needs else ""
    return (
        "changes nothing here: the network already has it. "
        f"Remove the step, or apply it to a spec that lacks it{needs}."
    )
