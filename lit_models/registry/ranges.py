"""Ranges of numbers in configurations: one table a class, one check for all."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

LARGE = 1_000_000  # no run has as many of anything


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; ends that are open are no values themselves."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        """Whether a number is in it; what is no number is in none."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        """`from 0 to 1`, or `above 0 and at most 1` where an end is open."""
        if not (self.open_low or self.open_high):
            return f"from {_short(self.low)} to {_short(self.high)}"
        low = "above" if self.open_low else "at least"
        high = "below" if self.open_high else "at most"
        return f"{low} {_short(self.low)} and {high} {_short(self.high)}"


SHARE = Range(0, 1)
COUNT = Range(1, LARGE)
POSITIVE = Range(0, LARGE, open_low=True)
NOT_NEGATIVE = Range(0, LARGE)
BELOW_ONE = Range(0, 1, open_high=True)


def check_ranges(config: Any, ranges: Mapping[str, Range], *, prefix: str) -> None:
    """Refuse a number outside the range of its field; None is always a value.

    Raises ValueError that begins with the key, with what was found and what may be there, also for
    what is no number.
    """
    for name, allowed in ranges.items():
        for value in _numbers(getattr(config, name)):
            if not _is_number(value):
                raise ValueError(f"{prefix}.{name} is {value!r}, but it has to be a number.")
            if not math.isfinite(value) or value not in allowed:
                raise ValueError(f"{prefix}.{name} is {value}, but it has to be {allowed}.")


def _is_number(value: object) -> bool:
    return isinstance(value, Real)  # NumPy's, too


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif value is not None:
        yield value


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
