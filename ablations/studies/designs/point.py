"""A point of a study: which steps lead to its network, and how it is named."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar


class Named(Protocol):
    """What a design has to know about a point, whether planned or read from a report's files."""

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def step(self) -> str: ...  # noqa: D102
    @property
    def steps(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def network(self) -> str | None: ...  # noqa: D102
    @property
    def base(self) -> str | None: ...  # noqa: D102


AnyPoint = TypeVar("AnyPoint", bound=Named)


@dataclass(frozen=True)
class Point:
    """One point: the steps from a start to it, applied in this order.

    `step` says what is special about it: the last step of a cumulative line, the step that is left
    out or added, the steps that are on in a factorial design, the name in a list or a grid.
    `network` is what the steps start from where that is no trajectory, `base` the label of the
    point that it is compared with where the design has to say so: steps alone do not tell. `seeds`
    are those of its runs, None all of the study's.
    """

    label: str  # sorts like the design
    step: str
    steps: tuple[str, ...]
    network: str | None = None
    base: str | None = None
    seeds: tuple[int, ...] | None = None

    def names(self) -> dict[str, Any]:
        """Its fields that are known."""
        return {key: value for key, value in vars(self).items() if value is not None}


def numbered(number: int, name: str, among: Iterable[object], *, letter: str = "") -> str:
    """The label of a point, such as `07a_kernel_size_5`: labels sort in the order of the design."""
    digits = max(2, len(str(len(list(among)))))
    return f"{number:0{digits}d}{letter}_{name}"


def made_of(point: Named) -> str:
    """The network that a point names, with its steps: `resnet_dw patch_size=8`."""
    return " ".join(filter(None, (point.network, *point.steps)))
