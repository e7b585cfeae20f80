"""Estimates with intervals, and what an attribution says of a step."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal, TypeVar

from ablations.statistics.multiplicity import holm
from ablations.statistics.paired import CONFIDENCE

Method = Literal["exact", "regression", "marginal"]
Key = TypeVar("Key")


@dataclass(frozen=True)
class Estimate:
    """A number in points of top-1: its 95 % interval, two-sided p, and p after Holm.

    `low`, `high` and `p` are None where nothing says how noisy runs are. `modelled`: of networks of
    which one is not trained, as the regression has them.
    """

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None  # over the steps, or the pairs
    error: float | None = None  # standard error
    modelled: bool = False

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        return None if self.high is None or self.low is None else (self.high - self.low) / 2


def estimate(value: float, error: float | None, degrees: float) -> Estimate:
    """With a t interval; `error` None: without."""
    from scipy.special import stdtr, stdtrit

    if error is None:
        return Estimate(value)
    degrees = min(degrees, 1e6)  # scipy has no infinite ones
    half = float(stdtrit(degrees, 0.5 + CONFIDENCE / 2)) * error
    p = 2 * float(stdtr(degrees, -abs(value) / error)) if error > 0 else float(value == 0)
    return Estimate(value, value - half, value + half, p, None, error)


def with_holm(family: Mapping[Key, Estimate]) -> dict[Key, Estimate]:
    """A family of estimates with their p adjusted; those without p as they are."""
    p_values = {str(n): e.p for n, e in enumerate(family.values()) if e.p is not None}
    adjusted = holm(p_values)
    return {
        key: replace(found, p_holm=adjusted.get(str(number)))
        for number, (key, found) in enumerate(family.items())
    }


@dataclass(frozen=True)
class StepWorth:
    """What a step is worth, in points of test top-1.

    Attributes:
        steps: its name, or those of the steps of a group that comes as one.
        cumulative: what it adds in the trajectory's own order.
        leave_one_out: what the network with all steps has by it; `left_out_with`: titles of the
            steps that go with it, since they need it.
        add_one_in: what it adds to the start; `added_to`: titles of the steps that it needs and
            that are there before it.
        values: its Shapley value under precedence by each method that the runs allow.
        by_order: what it adds in each complete sampled order.
    """

    steps: tuple[str, ...]
    title: str
    cumulative: Estimate | None
    leave_one_out: Estimate | None
    left_out_with: tuple[str, ...]
    add_one_in: Estimate | None
    added_to: tuple[str, ...]
    values: Mapping[Method, Estimate]
    by_order: tuple[float, ...]


@dataclass(frozen=True)
class Interaction:
    """How much more two steps are worth together than the sum of both, in points of test top-1.

    `model` is that of the regression, over all legal sets and shrunk; `measured` the mean second
    difference at the `sets` sets at which all four corners were trained, at all legal ones exactly
    the interaction index.
    """

    steps: tuple[tuple[str, ...], tuple[str, ...]]
    titles: tuple[str, str]
    model: Estimate | None
    measured: Estimate | None
    sets: int
    precedence: bool = False  # one needs the other: there is no effect of both to tell apart

    @property
    def best(self) -> Estimate | None:
        """The model's where there is one."""
        return self.model or self.measured


@dataclass(frozen=True)
class GroupWorth:
    """The Shapley value of steps of which one needs another, as one step."""

    steps: tuple[str, ...]
    title: str
    value: Estimate


@dataclass(frozen=True)
class Curve:
    """A whole order of the players: by number, and test top-1 after 0, 1, ... of them."""

    order: tuple[int, ...]
    top1: tuple[float, ...]


def spread(values: tuple[float, ...]) -> float | None:
    """Standard deviation (ddof = 1); None of fewer than two."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
