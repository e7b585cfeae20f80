"""Fields that have one of several values."""

from __future__ import annotations

import typing
from dataclasses import fields
from functools import cache
from typing import Any, Literal

from lit_models.registry.names import nearest


@cache  # thousands of runs have configs of the same few classes
def _hints(kind: Any, names: tuple[str, ...]) -> dict[str, Any]:
    del names  # a class with another field is looked at anew
    return typing.get_type_hints(kind)


def check_choices(config: Any, prefix: str) -> None:
    """Refuse a value outside the `Literal` of its field; omegaconf is not always in between."""
    kind: Any = type(config)
    hints = _hints(kind, tuple(kind.__annotations__))
    for field in fields(config):
        if typing.get_origin(hints[field.name]) is not Literal:
            continue
        valid, value = typing.get_args(hints[field.name]), getattr(config, field.name)
        if value not in valid:
            key = f"{prefix}.{field.name}"
            raise ValueError(f"{key} is {value!r}. {nearest(str(value), valid)}")
