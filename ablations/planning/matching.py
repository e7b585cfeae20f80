"""Points at equal cost: the widths of each network are solved, so that all cost the same.

What is trained and hashed is the solved network; that it was solved is no part of what it is. A
step that only sets widths changes nothing at equal cost: its point is left out, by name.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NoReturn

from ablations.planning.cost import Cost, Setting
from ablations.studies.designs import Point
from ablations.studies.designs.matched import End, Match, Unit
from lit_models.families.reference import Network
from lit_models.space.arrangement import Arrangement
from lit_models.space.cost import ClosedCost, Stages, closed_cost
from lit_models.space.spec import ArchSpec
from lit_models.space.widths import Solution, solve_widths


@dataclass(frozen=True)
class Budget:
    """What every network costs: the unit, the number in it, what was asked for, and how near."""

    unit: Unit
    target: float
    asked: float | End
    within: float

    def said(self, cost: float) -> str:
        """A cost in words."""
        return f"{cost:,.0f} parameters" if self.unit == "params" else f"{cost:.6g} GMACs"

    def of(self, cost: ClosedCost | Cost) -> float:
        """The part of a network's cost that the budget is about."""
        if self.unit == "params":
            return cost.params
        return cost.macs / 1e9 if isinstance(cost, ClosedCost) else cost.gmacs


@dataclass(frozen=True)
class Absorbed:
    """A point that at equal cost is the network of another one, `into`.

    `unmatched` has the runs of its own network, by seed.
    """

    point: Point
    into: str
    unmatched: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Matched:
    """The networks of a study at equal cost.

    Attributes:
        found: the solution of each point, by its label.
        unmatched: the networks before, by label, those of absorbed points included.
    """

    budget: Budget
    found: Mapping[str, Solution]
    unmatched: Mapping[str, Network]
    absorbed: tuple[Absorbed, ...]


def match_points(
    points: Sequence[tuple[Point, Network]],
    match: Match,
    *,
    end: Callable[[End], Network],
    setting: Setting | None,
) -> Matched:
    """Solve the widths of points with their networks, for images and classes as in the setting.

    `end` gives the trajectory's first or last network, unmatched. Raises ValueError, beginning with
    the key, where a network cannot come near enough to the budget, with the nearest, and where what
    it costs is not known.
    """
    assert match.budget is not None
    unit, asked = match.budget
    if setting is None:
        raise ValueError(
            "points.match cannot be met before the data is there, which alone says how many "
            "classes there are and so what a network costs"
        )
    probe = Budget(unit, 1.0, asked, match.within)
    target = _cost(end(asked), setting, probe) if isinstance(asked, str) else asked
    budget = Budget(unit, target, asked, match.within)
    found = {point.label: _solve(point, network, budget, setting) for point, network in points}
    far = [label for label, one in found.items() if abs(one.error) > match.within]
    if far:
        _refuse(far, found, budget)
    absorbed = _absorbed(points, found)
    gone = {one.point.label for one in absorbed}
    return Matched(
        budget,
        {label: one for label, one in found.items() if label not in gone},
        {point.label: network for point, network in points},
        absorbed,
    )


def with_runs(matched: Matched, run_ids: Callable[[Network], Mapping[int, str]]) -> Matched:
    """The same with the runs of absorbed points: `run_ids` gives those of a network by seed."""
    absorbed = tuple(
        replace(one, unmatched=run_ids(matched.unmatched[one.point.label]))
        for one in matched.absorbed
    )
    return replace(matched, absorbed=absorbed)


def match_to_plain(matched: Matched, seeds: Collection[int]) -> dict[str, Any]:
    """What an index says of the match, for these seeds."""
    absorbed = [
        {
            "point": one.point.label,
            "step": one.point.step,
            "steps": [*one.point.steps],
            "into": one.into,
            "unmatched": {str(seed): run for seed, run in one.unmatched.items() if seed in seeds},
        }
        for one in matched.absorbed
    ]
    return {**asdict(matched.budget), "asked": str(matched.budget.asked), "absorbed": absorbed}


def check_counted(matched: Matched, costs: Mapping[Network, Cost]) -> None:
    """Hold the solved networks against the counter, before any is trained.

    Raises ValueError, naming the point, for one that it does not find within the budget.
    """
    budget = matched.budget
    for label, one in matched.found.items():
        cost = budget.of(costs[one.spec])
        if abs(cost - budget.target) > budget.within * budget.target:
            raise ValueError(
                f"points.match: point {label} was solved as {budget.said(one.cost)}, but is "
                f"counted as {budget.said(cost)}, which is not within {budget.within:.3%} of "
                f"{budget.said(budget.target)}: please report this"
            )


def _solve(point: Point, network: Network, budget: Budget, setting: Setting) -> Solution:
    stages: Stages = {}  # of networks that differ in widths alone

    def cost_of(spec: Arrangement) -> float:
        return budget.of(closed_cost(spec, **vars(setting), stages=stages))

    assert isinstance(network, ArchSpec)  # all of a trajectory are
    try:
        return solve_widths(network, budget.target, cost_of=cost_of, within=budget.within)
    except ValueError as error:
        raise ValueError(f"points.match: point {point.label}: {error}") from None


def _cost(network: Network, setting: Setting, budget: Budget) -> float:
    assert isinstance(network, ArchSpec)
    return budget.of(closed_cost(network, **vars(setting)))


def _refuse(far: Sequence[str], found: Mapping[str, Solution], budget: Budget) -> NoReturn:
    nearest = "; ".join(
        f"{label} comes nearest with widths {widths_text(found[label])}, "
        f"{budget.said(found[label].cost)} ({found[label].error:+.2%})"
        for label in far
    )
    points = "a point" if len(far) == 1 else f"{len(far)} points"
    raise ValueError(
        f"points.match.{budget.unit}: {points} cannot come within {budget.within:.2%} of "
        f"{budget.said(budget.target)}: {nearest}. Allow more by points.match.within, or choose "
        "another budget"
    )


def _absorbed(
    points: Sequence[tuple[Point, Network]], found: Mapping[str, Solution]
) -> tuple[Absorbed, ...]:
    """Points whose steps differ from those of an earlier one in nothing but widths."""
    first: dict[ArchSpec, tuple[str, Network]] = {}
    gone = []
    for point, network in points:
        into, other = first.setdefault(found[point.label].spec, (point.label, network))
        if other != network:
            gone.append(Absorbed(point, into))
    return tuple(gone)


def widths_text(found: Solution) -> str:
    """A row of widths as in the step language."""
    return "+".join(map(str, found.widths))


def match_notes(matched: Matched) -> list[str]:
    """What a plan says of matched networks: the budget, the widths, and what is left out."""
    budget = matched.budget
    what = f" (the unmatched {budget.asked})" if isinstance(budget.asked, str) else ""
    rows = ", ".join(f"{label} {widths_text(one)}" for label, one in matched.found.items())
    worst = max(matched.found, key=lambda label: abs(matched.found[label].error))
    notes = [
        f"Every network is matched to {budget.said(budget.target)}{what}, within "
        f"{budget.within:.2%}; the farthest is {worst} with {matched.found[worst].error:+.2%}. "
        f"Widths: {rows}."
    ]
    notes += [
        f"{one.point.label} is left out, absorbed by the match: at equal cost it is the network of "
        f"{one.into}."
        for one in matched.absorbed
    ]
    return notes
