"""One value into one field of a structured config, or an error that says where, what and why."""

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from functools import cache
from math import isfinite
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from datamodules.config import nearest

Keys = tuple[str, ...]  # a path of keys, from the top
Place = Callable[[Keys], str]  # where the part of a value at a path below it was written

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def assign(
    config: Any, *, kind: type, keys: Keys, value: Any, place: Place, below: Keys = ()
) -> dict[str, str]:
    """Set `keys` of an OmegaConf structured config of dataclass `kind`; a mapping sets many.

    `place(below)` says where the value, or the part of it at `below`, was written. Returns that for
    every key path that was set. Raises ValueError for an unknown key (with the nearest valid one)
    and for a value of another type.
    """
    hint = _hint(kind, keys, place(below))
    if not _is_section(hint):
        _set(config, keys=keys, hint=hint, value=value, where=place(below))
        inside = value if isinstance(value, Mapping) else {}
        paths = ((), *((str(name),) for name in inside))
        return {".".join((*keys, *path)): place((*below, *path)) for path in paths}
    if not isinstance(value, Mapping):
        raise ValueError(
            f"{place(below)}: {'.'.join(keys)} is {value!r}, expected a mapping with keys of "
            f"{', '.join(_hints(hint))}"
        )
    said: dict[str, str] = {}
    for name, item in value.items():
        path, inner = (*keys, str(name)), (*below, str(name))
        said |= assign(config, kind=kind, keys=path, value=item, place=place, below=inner)
    return said


def check_name(name: str, valid: Iterable[str], *, what: str, where: str) -> str:
    """The name itself. Raises ValueError, with the nearest, when it is not one of `valid`."""
    names = list(valid)
    if name not in names:
        raise ValueError(f"{where}: {what} {name!r} is unknown. {nearest(str(name), names)}")
    return name


def describe(hint: Any) -> str:
    """A type in words, for an error message."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        parts = [describe(a) for a in arguments if a is not type(None)]
        return " or ".join([*parts, "null"] if type(None) in arguments else parts)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin is tuple:
        return f"a list of {len(arguments)} values, each {describe(arguments[0])}"
    if origin is list:
        return f"a list, each item {describe(arguments[0])}"
    if origin is dict:
        return f"a mapping, each value {describe(arguments[1])}"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def _refuse_odd(value: Any, what: str) -> None:
    """Refuse what omegaconf reads as no value, and what is no number, also inside of lists."""
    if isinstance(value, str) and (value == "???" or "${" in value):
        raise ValueError(f"{what} is {value!r}: values are written out, and this stands for others")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{what} is {value}, which is no number")
    inside = value.items() if isinstance(value, Mapping) else ()
    for name, item in enumerate(value) if isinstance(value, list | tuple) else inside:
        _refuse_odd(name, f"{what}: a key")
        _refuse_odd(item, f"{what}.{name}")


def _is_section(hint: Any) -> bool:
    return is_dataclass(hint)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _hint(kind: type, keys: Keys, where: str) -> Any:
    hint: Any = kind
    for depth, key in enumerate(keys):
        above = ".".join(keys[:depth])
        if not _is_section(hint):
            raise ValueError(f"{where}: {above} has no keys below it, found {'.'.join(keys)}")
        hints = _hints(hint)
        check_name(key, hints, what=f"key of {above}" if above else "key", where=where)
        hint = hints[key]
    return hint


def _set(config: Any, *, keys: Keys, hint: Any, value: Any, where: str) -> None:
    from omegaconf import OmegaConf, read_write
    from omegaconf.errors import OmegaConfBaseException

    path = ".".join(keys)
    _refuse_odd(value, f"{where}: {path}")
    parent = OmegaConf.select(config, ".".join(keys[:-1])) if keys[1:] else config
    # omegaconf would read 3 as true; a slip such as `compile: 3` is refused instead.
    wrong = hint is bool and not isinstance(value, bool)
    try:
        if not wrong:
            with read_write(parent):  # a frozen dataclass becomes a read-only config
                OmegaConf.update(parent, keys[-1], value, merge=False)
    except OmegaConfBaseException:
        wrong = True
    if isinstance(value, str) and not wrong and hint is not str:  # "nan" is read as a number
        stored: Any = OmegaConf.to_container(parent)
        _refuse_odd(stored.get(keys[-1]), f"{where}: {path}")
    if wrong:
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        hint_text = nearest(str(value), choices) if choices else f"Expected {describe(hint)}."
        raise ValueError(f"{where}: {path} is {value!r}. {hint_text}")
