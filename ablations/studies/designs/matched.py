"""Points of a trajectory at equal cost: what `match` below `points` can say."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from ablations.studies.designs.design import Points
from lit_models.registry.names import nearest
from lit_models.registry.ranges import Range, check_ranges

Unit = Literal["gmacs", "params"]
End = Literal["start", "end"]
UNITS: tuple[Unit, ...] = get_args(Unit)
ENDS: tuple[End, ...] = get_args(End)
_WITHIN = {"within": Range(0, 0.1, open_low=True)}


@dataclass
class Match:
    """What every network of a study has to cost: its widths are solved for that.

    Raises:
        ValueError: beginning with the key, for two budgets, and for one that cannot be meant.
    """

    # multiply-adds of one image / 1e9: a number, or start or end for what the trajectory's first
    # or last network costs
    gmacs: int | float | str | None = None
    # parameters, in the same way; a study has one budget of the two
    params: int | float | str | None = None
    # how far a network may be from the budget, relative to it
    within: float = 0.005

    def __post_init__(self) -> None:
        check_ranges(self, _WITHIN, prefix="points.match")
        said = [unit for unit in UNITS if getattr(self, unit) is not None]
        if len(said) > 1:
            raise ValueError(
                "points.match.params cannot be met together with points.match.gmacs: networks are "
                "matched in one of the two; leave one out."
            )
        for unit in said:
            _check_budget(f"points.match.{unit}", getattr(self, unit))
        if not said and self.within != type(self).within:
            raise ValueError(
                "points.match.within has no meaning without points.match.gmacs or "
                "points.match.params: give the budget, as in match: {gmacs: end}."
            )

    @property
    def budget(self) -> tuple[Unit, float | End] | None:
        """The unit, and the number or end of the trajectory; None where nothing is matched."""
        for unit in UNITS:
            value = getattr(self, unit)
            if value is not None:
                return unit, value
        return None


@dataclass
class TrajectoryPoints(Points):
    """Points on a trajectory whose networks can be matched."""

    # solve the widths of each point, so that all networks cost the same
    match: Match = field(default_factory=Match)


def match_of(points: Points) -> Match | None:
    """What a study's points are matched to; None where they are not."""
    match = points.match if isinstance(points, TrajectoryPoints) else None
    return match if match is not None and match.budget is not None else None


def _check_budget(key: str, value: float | str) -> None:
    if isinstance(value, str) and value not in ENDS:
        raise ValueError(
            f"{key} is {value!r}, but it has to be a number, or start or end for what the "
            f"trajectory's first or last network costs. {nearest(value, ENDS)}"
        )
    if not isinstance(value, str) and (isinstance(value, bool) or not value > 0):
        raise ValueError(f"{key} is {value}, but a budget has to be above 0.")
