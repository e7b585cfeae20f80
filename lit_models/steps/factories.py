"""The table of steps that have a text: a step is one decorated function.

@named("kernel_size", "kernel_size=31 or kernel_size=13@4", "side of the spatial convolutions",
       source="arXiv 2201.03545, Section 2.5", read=whole, by_stage=True)
def kernel_size(size: int, *, stages: Stages = None) -> Step: ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, TypeVar

from lit_models.registry.registry import Origin, Registry
from lit_models.steps.stages import Stages
from lit_models.steps.step import Step

NO_VALUE = "no value"
_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
Make = TypeVar("Make", bound=Callable[..., Step])


@dataclass(frozen=True)
class StepFactory:
    """How a step is written, and the function that makes it of its value."""

    name: str
    syntax: str  # its texts, joined by ", " and " or "; NO_VALUE for the bare name
    summary: str  # what it changes
    source: str  # paper and table, or "ours"
    make: Callable[..., Step]  # of the value, where it takes one, and `stages` where by_stage
    read: Callable[[str], Any] | None  # text of the value to the value; None: it takes none
    by_stage: bool  # whether @3+4 may follow: only in stages 3 and 4

    def __call__(self, text: str, stages: Stages) -> Step:
        """The step with a value as text; raises ValueError for text that is no value of it."""
        if self.read is None and text:
            raise ValueError("it takes no value")
        values = () if self.read is None else (self.read(text),)
        return self.make(*values, **({"stages": stages} if self.by_stage else {}))


STEP_FACTORIES: Registry[StepFactory] = Registry("step")


def named(
    name: str,
    syntax: str,
    summary: str,
    *,
    source: str,
    read: Callable[[str], Any] | None = None,
    by_stage: bool = False,
) -> Callable[[Make], Make]:
    """Give the decorated function a name in the step language.

    The function takes what `read` makes of the text after `=` (`read=int`), and returns a Step.
    Raises ValueError when the name is taken, with the place of the other, or when the function
    takes a value and `read` is not given, or the other way round.
    """

    def register(make: Make) -> Make:
        _check_value(name, make, read)
        code = make.__code__
        factory = StepFactory(name, syntax, summary, source, make, read, by_stage)
        origin = Origin(code.co_filename, code.co_firstlineno)
        STEP_FACTORIES.register(name, factory, origin=origin)
        return make

    return register


def _check_value(name: str, make: Callable[..., Step], read: Callable[[str], Any] | None) -> None:
    values = [one for one in signature(make).parameters.values() if one.kind in _BY_POSITION]
    required = [one.name for one in values if one.default is Parameter.empty]
    if read is None and required:
        raise ValueError(
            f"step {name!r}: its function takes a value ({', '.join(required)}), so say how the "
            "text after = is read, such as read=int"
        )
    if read is not None and not values:
        raise ValueError(f"step {name!r} has read=, but its function takes no value")
