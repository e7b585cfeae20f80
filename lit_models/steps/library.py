"""Steps written as text: `NAME` or `NAME=VALUE`, for study files, trajectories, the command line.

kernel_size=31            a number
depths=3+4+12+3           several, joined by +
mixer=attention@3+4       only in stages 3 and 4, counted from 1
mixer=token_mlp:32        with a size: here the image side that it is built for
bypass=off                removes it
extra=se:16               a primitive, with its first option
widths=64+128:84+168      only where the network has the former
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lit_models.registry.names import close_names
from lit_models.space.spec import ArchSpec

# Importing a module of steps names its steps.
from lit_models.steps import convnext, extras, macro, micro, mixers, mixing
from lit_models.steps.factories import STEP_FACTORIES
from lit_models.steps.step import Step, in_a_row
from lit_models.steps.text_values import whole_numbers

__all__ = ["STEP_FACTORIES", "named_step", "parse_step"]
STEP_MODULES = (macro, mixing, mixers, micro, convnext, extras)


def parse_step(text: str) -> Step:
    """The step that a text such as `kernel_size=31` names; its name is the text itself.

    Raises ValueError for an unknown name, with the nearest, and for a value that cannot be read,
    with what is expected.
    """
    call, at, places = text.strip().partition("@")
    name, _, value = call.partition("=")
    if name not in STEP_FACTORIES:
        near = close_names(name, STEP_FACTORIES) or STEP_FACTORIES
        raise ValueError(f"{text!r}: no step is named {name!r}; nearest: {', '.join(near)}")
    factory = STEP_FACTORIES[name]
    if at and not factory.by_stage:
        raise ValueError(
            f"{text!r}: the step {name} is for all stages at once; leave @{places} out"
        )
    try:
        stages = whole_numbers(places) if at else None
        step = factory(value, stages)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{text!r} cannot be read ({error}); expected {factory.syntax}") from None
    return replace(
        step, name=text.strip(), texts=(text.strip(),), source=step.source or factory.source
    )


@dataclass(frozen=True)
class TextEdit:
    """The edits that texts stand for, read when they are used; it can be sent to a process."""

    texts: tuple[str, ...]

    def __call__(self, spec: ArchSpec) -> ArchSpec:
        """The spec after all of them; raises ValueError for one that cannot be applied."""
        return in_a_row([parse_step(text) for text in self.texts])(spec)


def named_step(
    name: str,
    *texts: str,
    title: str = "",
    group: str = "",
    source: str = "",
) -> Step:
    """One or more texts as a step of a trajectory, with a name and a title of its own.

    Without a title and a source, they are those of the texts. Raises ValueError for no text, and
    for one that cannot be read.
    """
    if not texts:
        raise ValueError(f"the step {name!r} has no text, such as kernel_size=7")
    parts = [parse_step(text) for text in texts]
    return replace(
        parts[0],
        name=name,
        title=title or _joined(part.title for part in parts),
        summary="; ".join(part.summary for part in parts),
        needs=parts[0].needs if len(parts) == 1 else "",
        edit=TextEdit(tuple(part.name for part in parts)),
        texts=tuple(part.name for part in parts),
        group=group,
        source=source or _joined(dict.fromkeys(part.source for part in parts)),
    )


def _joined(words: Iterable[str]) -> str:
    return ", ".join(words)
