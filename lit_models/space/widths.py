"""Widths for a budget: the row of widths at which a network costs what is asked for. No torch.

The proportions are those that the network has. First its whole row is scaled, as a base width that
doubles from stage to stage scales a ResNet; then every stage is looked at by itself between the two
rows around the budget. Of all these rows the nearest to the budget is taken; of equally near ones
that whose proportions are nearest to the network's own, then the narrowest. Where that is not near
enough, the two rows go further apart, by one base width each, at most `_WIDENED` times; of the rows
that are near enough then, that with the proportions nearest to the network's own is taken. Rows
that make no network, such as widths that attention heads do not divide, are passed over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import lcm, log
from typing import Any

from lit_models.space.arrangement import Arrangement
from lit_models.space.components import HEAD_WIDTH, Branch
from lit_models.space.illegal import IllegalSpec
from lit_models.space.spec import ArchSpec

Row = tuple[int, ...]
CostOf = Callable[[Arrangement], float]  # of a network that need not be legal

_MOST_VALUES = 9  # that a stage is tried with: all between two rows whose stages double thrice
_WIDENED = 2
_WIDEST = 2**20  # channels of stage 1; beyond it a budget means nothing
_DENOMINATORS = 64  # of branch ratios, which are 4, 1/4, 2/3 and the like


@dataclass(frozen=True)
class Solution:
    """The network nearest to a budget.

    Attributes:
        spec: the network with its new widths.
        cost: what it costs, in the unit of the budget.
        error: of that, relative to the budget: 0.01 is one per cent above it.
    """

    spec: ArchSpec
    cost: float
    error: float

    @property
    def widths(self) -> Row:
        """The row."""
        return self.spec.widths


def solve_widths(
    spec: ArchSpec, budget: float, *, cost_of: CostOf, within: float = 0.0
) -> Solution:
    """The widths at which a network comes nearest to a budget above 0.

    `within` is the relative error that is near enough. Raises IllegalSpec, with the reason, where
    none of the rows near the budget is a network.
    """
    search = _Search(spec, budget, cost_of)
    base = search.largest_below()
    found: Solution | IllegalSpec = IllegalSpec("there is no row of widths")
    for further in range(_WIDENED + 1):
        near_enough = within * budget if further else 0.0
        rows = max(base - further, 1), base + 1 + further
        found = search.nearest(*rows, near_enough=near_enough)
        if isinstance(found, Solution) and abs(found.error) <= within:
            break
    if isinstance(found, IllegalSpec):
        raise found
    return found


@dataclass(frozen=True)
class _Search:
    spec: ArchSpec
    budget: float
    cost_of: CostOf

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The network's fields."""
        return {field.name: getattr(self.spec, field.name) for field in fields(Arrangement)}

    @cached_property
    def grains(self) -> Row:
        """What the stages' widths are multiples of."""
        return _grains(self.spec)

    def cost(self, row: Row) -> float:
        """What the network costs with these widths."""
        return self.cost_of(Arrangement(**{**self.plain, "widths": row}))

    def scaled(self, number: int) -> Row:
        """The network's row, scaled so that stage 1 has `number` times its grain of channels."""
        scale = Fraction(number * self.grains[0], self.spec.widths[0])
        return tuple(
            max(grain, int(width * scale / grain + Fraction(1, 2)) * grain)
            for width, grain in zip(self.spec.widths, self.grains, strict=True)
        )

    def largest_below(self) -> int:
        """The largest number whose scaled row does not cost more than the budget; 0 for none."""
        above = 1
        while self.cost(self.scaled(above)) <= self.budget:
            above *= 2
            if above > _WIDEST:
                raise IllegalSpec(f"{_WIDEST} channels in stage 1 still cost less")
        low = above // 2
        while above - low > 1:
            middle = (low + above) // 2
            fits = self.cost(self.scaled(middle)) <= self.budget
            low, above = (middle, above) if fits else (low, middle)
        return low

    def nearest(self, below: int, above: int, *, near_enough: float) -> Solution | IllegalSpec:
        """The nearest network between two scaled rows; else why the nearest row is none."""
        rows = product(*map(_between, self.scaled(below), self.scaled(above), self.grains))
        costs = {row: self.cost(row) for row in rows}
        reason: IllegalSpec | None = None
        for row in sorted(costs, key=lambda row: self.rank(row, costs[row], near_enough)):
            try:
                solved = ArchSpec(**{**self.plain, "widths": row})
            except IllegalSpec as refused:
                reason = reason or refused
            else:
                return Solution(solved, costs[row], (costs[row] - self.budget) / self.budget)
        assert reason is not None
        return reason

    def rank(self, row: Row, cost: float, near_enough: float) -> tuple[float, float, Row]:
        """Smallest for the row that is taken; errors up to `near_enough` are alike."""
        error = abs(cost - self.budget)
        error = error if error > near_enough else 0.0
        return error, _distortion(row, self.spec.widths), row


def _distortion(row: Row, own: Row) -> float:
    """How far proportions are from the network's own: squared logarithms of their ratios."""
    shifts = [log(width / before) for width, before in zip(row, own, strict=True)]
    middle = sum(shifts) / len(shifts)
    return sum((shift - middle) ** 2 for shift in shifts)


def _between(low: int, high: int, grain: int) -> Sequence[int]:
    """The multiples from low to high, evenly thinned where they are many."""
    values = range(low, high + 1, grain)
    if len(values) <= _MOST_VALUES:
        return values
    last = _MOST_VALUES - 1
    return [values[number * (len(values) - 1) // last] for number in range(_MOST_VALUES)]


def _grains(spec: ArchSpec) -> Row:
    """What the widths of each stage stay multiples of, where they are so now."""
    found = []
    for stage, width in enumerate(spec.widths):
        blocks = (spec.block_at(stage, index) for index in range(spec.depths[stage]))
        branches = {branch for block in blocks for branch in block.branches}
        grain = lcm(*(part for branch in branches for part in _parts(branch)))
        found.append(grain if width % grain == 0 else 1)
    return tuple(found)


def _parts(branch: Branch) -> tuple[int, int]:
    """The parts that a branch cuts channels into: for its ratio, and for attention heads."""
    ratio = Fraction(branch.ratio).limit_denominator(_DENOMINATORS).denominator
    spatial = branch.spatial
    attends = spatial is not None and spatial.kind == "attention"
    return ratio, (spatial.heads or HEAD_WIDTH) if attends and spatial else 1
