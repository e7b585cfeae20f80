"""Primitives in a block's row of layers, as data."""

from dataclasses import dataclass

from lit_models.primitives.options import Value
from lit_models.primitives.primitive import Role, UnknownPrimitive
from lit_models.primitives.table import primitive
from lit_models.registry.names import nearest
from lit_models.space.illegal import IllegalSpec


class UnknownInSpec(IllegalSpec, UnknownPrimitive):
    """A spec with a primitive that is not known, as without the file that has it."""


@dataclass(frozen=True)
class ExtraOption:
    """An option of a primitive that is not at its default."""

    name: str
    value: Value


@dataclass(frozen=True)
class Extra:
    """A primitive (`lit_models.primitives`) after a layer of the row, its norm and activation.

    `options` are sorted, and those at their default are left out: one network is one spec.
    """

    name: str
    after: Role
    options: tuple[ExtraOption, ...] = ()

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "options", self._given())
        except ValueError as error:
            kind = UnknownInSpec if isinstance(error, UnknownPrimitive) else IllegalSpec
            raise kind(str(error)) from None

    def _given(self) -> tuple[ExtraOption, ...]:
        known = primitive(self.name)
        if self.after not in known.after:
            raise ValueError(
                f"the primitive {self.name} stands after {' or '.join(known.after)}, "
                f"not after {self.after!r}"
            )
        given: dict[str, Value] = {}
        for option in self.options:
            if option.name in given:
                raise ValueError(f"the primitive {self.name} has twice the option {option.name!r}")
            if option.name not in known.options:
                raise ValueError(
                    f"the primitive {self.name} has no option {option.name!r}. "
                    f"{nearest(option.name, known.options)}"
                )
            given[option.name] = known.options[option.name].checked(option.value)
        return tuple(
            ExtraOption(name, value)
            for name, value in sorted(given.items())
            if value != known.options[name].default
        )

    @property
    def values(self) -> dict[str, Value]:
        """Every option of the primitive with its value."""
        defaults = {name: rule.default for name, rule in primitive(self.name).options.items()}
        return defaults | {option.name: option.value for option in self.options}
