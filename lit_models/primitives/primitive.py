"""The table of primitives, and the one call that adds to it.

    @register_primitive("se", after=("pointwise_out", "spatial"), ranges={"reduction": (1, 256)})
    class SqueezeExcite(nn.Module):
        def __init__(self, channels: int, *, reduction: int = 16) -> None: ...

A primitive stands in a block's row, after one of its layers with that layer's norm and activation
(`lit_models.space.components.Extra`). Its multiply-adds are counted where PyTorch's FLOP counter
knows the operations; a kernel of one's own needs `torch.utils.flop_counter.register_flop_formula`.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from lit_models.primitives.options import OptionRule, Value, rules_of
from lit_models.registry.registry import Registry, caller

if TYPE_CHECKING:
    from torch import nn

Role = Literal["pointwise_in", "spatial", "pointwise_out"]
ROLES: tuple[Role, ...] = get_args(Role)
Start = Literal["own", "network"]
Make = TypeVar("Make", bound=Callable[..., Any])

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# names of a layer's other parts and attributes, and words of the step that adds a primitive
_TAKEN = ("conv", "norm", "act", "blur", "pad", "mixer", "extras", "width", "off", "after")


@dataclass(frozen=True)
class Primitive:
    """A module that keeps the shape of maps `(N, channels, H, W)`."""

    name: str
    title: str  # for figures and tables
    summary: str  # what it computes, one sentence
    source: str  # paper, such as arXiv 1709.01507
    make: "Callable[..., nn.Module]"  # (channels, **options)
    options: Mapping[str, OptionRule]
    after: tuple[Role, ...]  # the layers that it may follow; the first where a step names none
    init: Start
    starts_as_identity: bool
    no_weight_decay: tuple[str, ...]  # parameters of two dimensions or more without weight decay


class UnknownPrimitive(ValueError):
    """A name that no primitive has, at least none whose file is loaded."""


PRIMITIVES: Registry[Primitive] = Registry("primitive")


def register_primitive(
    name: str,
    *,
    title: str = "",
    summary: str = "",
    source: str = "",
    after: tuple[Role, ...] = ROLES,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    choices: Mapping[str, tuple[Value, ...]] | None = None,
    init: Start = "own",
    starts_as_identity: bool = False,
    no_weight_decay: tuple[str, ...] = (),
) -> Callable[[Make], Make]:
    """Give the decorated class or function `make(channels, *, option=default, ...)` a name.

    It returns a module that keeps the shape `(N, channels, H, W)`, on the meta device too, where
    costs are counted. A default is part of what a run is: to change one, register another name.

    Args:
        name: in specs and steps; lower-case letters, digits and underscores.
        title: for figures and tables; without one the name.
        summary: what it computes; without one the first line of the docstring.
        source: the paper.
        after: the layers of a row that it may follow; the step `extra=NAME` takes the first.
        ranges: smallest and largest value of an option.
        choices: the only values of an option.
        init: `own`: its parameters start as its constructor draws them. `network`: its
            convolutions and linear layers start as the network's others.
        starts_as_identity: whether it changes nothing at the start of training.
        no_weight_decay: parameters without weight decay, beside those of one dimension.

    Raises:
        ValueError: the name is taken or no name, or the function is not of this form.
    """
    origin = caller()

    def register(make: Make) -> Make:
        try:
            _check(name, after)
            rules = rules_of(make, ranges=ranges or {}, choices=choices or {})
        except ValueError as error:
            raise ValueError(f"{origin}: the primitive {name!r} is refused: {error}") from None
        primitive = Primitive(
            name=name,
            title=title or name,
            summary=summary or (inspect.getdoc(make) or name).partition("\n")[0],
            source=source,
            make=make,
            options=rules,
            after=after,
            init=init,
            starts_as_identity=starts_as_identity,
            no_weight_decay=no_weight_decay,
        )
        PRIMITIVES.register(name, primitive, origin=origin)
        return make

    return register


def _check(name: str, after: tuple[Role, ...]) -> None:
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise ValueError(
            "a name has lower-case letters, digits and underscores, and is none of "
            f"{', '.join(_TAKEN)}"
        )
    if not after or len(set(after)) < len(after) or not set(after) <= set(ROLES):
        raise ValueError(f"after names layers out of {', '.join(ROLES)}, found {after!r}")
