"""The seeds of a study file: a list, or a rule for how many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ablations.statistics.seeds.rule import STAGES, WIDTH, SeedsRule
from lit_models.registry.ranges import check_ranges

SEEDS, SEEDS_RULE = "seeds", "seeds_rule"  # the key of a study, and the field of a rule below it
_UNTIL = "until"
EXAMPLE = "{first: 2, most: 8, until: {half_width: 0.5}}"


@dataclass
class UntilConfig:
    """When there are enough seeds."""

    # half the 95 % interval of a difference, in points of top-1, by the scatter of all seeds so far
    half_width: float | None = None


@dataclass
class SeedsConfig:
    """How many seeds, decided from the scatter of those that are finished: the seeds 0, 1, ..."""

    # seeds of every point to begin with
    first: int | None = None
    # seeds of a point at the most
    most: int | None = None
    until: UntilConfig = field(default_factory=UntilConfig)

    def __post_init__(self) -> None:
        check_ranges(self, STAGES, prefix="seeds")
        check_ranges(self.until, WIDTH, prefix="seeds.until")
        said = {"first": self.first, "most": self.most, "until.half_width": self.until.half_width}
        lacking = [f"seeds.{key}" for key, value in said.items() if value is None]
        if 0 < len(lacking) < len(said):
            raise ValueError(
                f"{lacking[0]} is missing: a rule for seeds says all of {EXAMPLE}; a list "
                "such as [0, 1, 2] is the other way."
            )
        if self.first is not None and self.most is not None and self.most < self.first:
            raise ValueError(f"seeds.most is {self.most}, fewer than seeds.first={self.first}.")

    @property
    def rule(self) -> SeedsRule | None:
        """The rule; None where the seeds are listed."""
        width = self.until.half_width
        if self.first is None or self.most is None or width is None:
            return None
        return SeedsRule(self.first, self.most, width)


def seeds_keys(keys: tuple[str, ...], value: Any) -> tuple[str, ...]:
    """The keys of a study's fields that are meant by `seeds` or a key below it.

    Raises ValueError, beginning with the key, for what is neither a list nor a rule, and for a rule
    that ends when something is significant.
    """
    if keys[0] == SEEDS_RULE:
        raise ValueError(f"{SEEDS_RULE} is no key: a rule stands below `{SEEDS}`, as {EXAMPLE}.")
    if keys == (SEEDS,) and isinstance(value, list):
        return keys
    if keys == (SEEDS,) and not (isinstance(value, Mapping) and value):
        raise ValueError(f"seeds is {value!r}, expected a list such as [0, 1, 2], or {EXAMPLE}.")
    until = value
    for key in reversed(keys[1:]):
        until = {key: until}
    until = until.get(_UNTIL)
    if isinstance(until, str) or (isinstance(until, Mapping) and set(until) & _DECIDING):
        raise ValueError(
            f"seeds.until is {until!r}: seeds that are added until something is significant make "
            "intervals and p-values say more than they know, since chance decides when to stop. "
            "Stop by the width of an interval instead, until: {half_width: 0.5}, or look at "
            "`ablate power` for a number of seeds."
        )
    return (SEEDS_RULE, *keys[1:])


def as_written(text: str) -> str:
    """A key, or what is said of one, with the key that people write for the field of the rule."""
    return text.replace(SEEDS_RULE, SEEDS)


_DECIDING = {"decided", "p", "p_value", "significant", "significance", "alpha"}
