"""Options of a primitive: what its function takes by keyword, with type, default and range."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from lit_models.registry.ranges import Range

Value = bool | int | float | str


@dataclass(frozen=True)
class OptionRule:
    """An option of a primitive. The type of its values is that of its default."""

    name: str
    default: Value
    bounds: Range | None = None
    choices: tuple[Value, ...] = ()  # the only values; empty: any

    def checked(self, value: object) -> Value:
        """The value with the option's type (a whole number may be given for a float).

        Raises ValueError for a value of another type or outside its range, with what is expected.
        """
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ValueError(f"{self.name} is {self.expected}, found {value!r}")
        assert isinstance(value, bool | int | float | str)
        outside = isinstance(value, float) and not isfinite(value)
        if self.bounds is not None and not isinstance(value, str):
            outside = outside or value not in self.bounds
        if outside or (self.choices and value not in self.choices):
            raise ValueError(f"{self.name} is {self.expected}, found {value!r}")
        return value

    def parsed(self, text: str) -> Value:
        """The value that a text such as `16` or `true` says; raises ValueError as `checked`."""
        if isinstance(self.default, bool):
            return self.checked({"true": True, "false": False}.get(text, text))
        if isinstance(self.default, str):
            return self.checked(text)
        try:
            number = type(self.default)(text.replace("_", "?"))  # Python reads 1_6 as 16
        except ValueError:
            raise ValueError(f"{self.name} is {self.expected}, found {text!r}") from None
        return self.checked(number)

    @property
    def expected(self) -> str:
        """What a value is, in words."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        said = words[type(self.default)]
        return f"{said} {self.bounds}" if self.bounds else said


def rules_of(
    make: Callable[..., Any],
    *,
    ranges: Mapping[str, tuple[float, float]],
    choices: Mapping[str, tuple[Value, ...]],
) -> dict[str, OptionRule]:
    """The keyword-only parameters of `make(channels, *, ...)` as options, in their order.

    Raises ValueError for a function that is not of this form, for an option without a default of a
    plain type, and for a default outside its own range.
    """
    parameters = list(inspect.signature(make).parameters.values())
    first, others = parameters[:1], parameters[1:]
    odd = [p.name for p in others if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    if not first or first[0].kind is inspect.Parameter.KEYWORD_ONLY or odd:
        raise ValueError(
            "it is made by (channels, *, option=default, ...): the channels first, options by "
            f"keyword only, found {', '.join([p.name for p in first] + odd) or 'none of them'}"
        )
    unknown = sorted({*ranges, *choices} - {p.name for p in others})
    if unknown:
        raise ValueError(f"it has no option {', '.join(unknown)} that could have a range")
    rules = {}
    for parameter in others:
        name, default = parameter.name, parameter.default
        if type(default) not in (bool, int, float, str):
            raise ValueError(
                f"its option {name} has no default that is a number, a text, true or false"
            )
        bounds = Range(*ranges[name]) if name in ranges else None
        rules[name] = OptionRule(name, default, bounds, tuple(choices.get(name, ())))
        rules[name].checked(default)
    return rules
