"""What files of runs and studies have to look like, as data, and the one check against it.

A shape is a type (`float` takes whole numbers too, `int` no truth values), None for null, a tuple
of alternatives, a list with the shape of its items, or an `Object`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = Any

_WORDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    None: "null",
}
_LARGEST = 1e15  # of anything that is counted or measured here
_SHOWN = 60  # letters of a wrong value


@dataclass(frozen=True)
class Object:
    """A JSON object: keys that it must have and may have, and `each` for the values of all others.

    `each` "anything" leaves them unchecked.
    """

    needed: Mapping[str, Shape] = field(default_factory=dict)
    known: Mapping[str, Shape] = field(default_factory=dict)
    each: Shape = "anything"


def check_shape(value: Any, shape: Shape) -> None:
    """Raise ValueError, with key, found and expected, for the first part of another shape."""
    found = mismatch(value, shape, "")
    if found is not None:
        raise ValueError(found)


def mismatch(value: Any, shape: Shape, key: str) -> str | None:
    """The first part of another shape, in words; None where there is none."""
    if isinstance(shape, Object):
        return _of_object(value, shape, key)
    if isinstance(shape, list):
        return _of_list(value, shape[0], key)
    if isinstance(shape, tuple):
        return _of_several(value, shape, key)
    return None if _is(value, shape) else _wrong(value, key, _word(shape))


def _of_several(value: Any, shapes: tuple[Shape, ...], key: str) -> str | None:
    reasons = [mismatch(value, shape, key) for shape in shapes]
    if None in reasons:
        return None
    kinds = ((dict, Object), (list, list))
    for reason, shape in zip(reasons, shapes, strict=True):
        if any(isinstance(value, one) and isinstance(shape, other) for one, other in kinds):
            return reason  # what is wrong is inside it
    return _wrong(value, key, " or ".join(map(_word, shapes)))


def _of_object(value: Any, shape: Object, key: str) -> str | None:
    if not isinstance(value, Mapping):
        return _wrong(value, key, _word(shape))
    for name in shape.needed:
        if name not in value:
            return f"there is no key {_below(key, name)}"
    shapes = {**shape.needed, **shape.known}
    for name, item in value.items():
        inner = shapes.get(name, shape.each)
        found = None if inner == "anything" else mismatch(item, inner, _below(key, name))
        if found is not None:
            return found
    return None


def _of_list(value: Any, shape: Shape, key: str) -> str | None:
    if not isinstance(value, list):
        return _wrong(value, key, _word([shape]))
    found = (mismatch(item, shape, f"{key}[{index}]") for index, item in enumerate(value))
    return next(filter(None, found), None)


def _is(value: Any, kind: Any) -> bool:
    if kind is None:
        return value is None
    if kind in (int, float):
        numbers = int if kind is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool) and _in_range(value)
    return isinstance(kind, type) and isinstance(value, kind)


def _in_range(value: float) -> bool:
    return -_LARGEST <= value <= _LARGEST  # false for NaN


def _word(shape: Shape) -> str:
    if isinstance(shape, Object):
        return "an object"
    return "a list" if isinstance(shape, list) else _WORDS[shape]


def _wrong(value: Any, key: str, expected: str) -> str:
    text = repr(value)
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"{key or 'it'} is {short}, expected {expected}"


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
