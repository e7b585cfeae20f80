"""Readers of the values in a step's text. Each raises ValueError for text that is no such value."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

OFF = "off"
_LARGEST = 100_000  # of any number in a step
_WHOLE = re.compile(r"[+-]?[0-9]+")


def whole(text: str) -> int:
    """A whole number."""
    if _WHOLE.fullmatch(text.strip()) is None:
        raise ValueError(f"expected a whole number, found {text!r}")
    if len(text) > len(str(_LARGEST)) + 1 or abs(int(text)) > _LARGEST:
        raise ValueError(f"expected a number up to {_LARGEST:,}, found one of {len(text)} digits")
    return int(text)


def number(text: str) -> float:
    """A number, such as 4 or 1e-6."""
    try:
        found = float(text.replace("_", "?"))  # Python reads 1_3 as 13
    except ValueError:
        raise ValueError(f"expected a number, found {text!r}") from None
    if not abs(found) <= _LARGEST:  # nor NaN
        raise ValueError(f"expected a number up to {_LARGEST:,}, found {found}")
    return found


def whole_numbers(text: str) -> tuple[int, ...]:
    """Several, joined by +, such as the depths 3+4+12+3."""
    return tuple(whole(part) for part in text.split("+"))


def one_of(names: Sequence[T]) -> Callable[[str], T]:
    """A reader of exactly these names."""

    def read(text: str) -> T:
        for name in names:
            if text == name:
                return name
        raise ValueError(f"{text!r} is none of {', '.join(map(str, names))}")

    return read


def some_of(names: Sequence[T]) -> Callable[[str], frozenset[T]]:
    """A reader of several of these names, joined by +, or of `none`."""
    read = one_of(names)
    return lambda text: frozenset(map(read, [] if text == "none" else text.split("+")))


def or_off(read: Callable[[str], T]) -> Callable[[str], T | None]:
    """A reader of what the other one reads, or of `off`, which is None."""
    return lambda text: None if text == OFF else read(text)
