"""One value into one field of a structured config, or an error that says where, what and why."""

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from functools import cache
from math import isfinite
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lit_models.registry.names import nearest

Keys = tuple[str, ...]  # a path of keys, from the top
Place = Callable[[Keys], str]  # where the part of a value at a path below it was written
# How the scalar at a path below a value was written, before YAML made a number of it
Text = Callable[[Keys], str | None]


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def assign(
    config: Any,
    *,
    kind: type,
    keys: Keys,
    value: Any,
    place: Place,
    text: Text = lambda _: None,
    below: Keys = (),
) -> dict[str, str]:
    """Set `keys` of an OmegaConf structured config of dataclass `kind`; a mapping sets many.

    `place(below)` says where the value, or the part of it at `below`, was written, and
    `text(below)` how, where it is known: a field that is text gets 007 and not 7. Returns the
    place of every key path that was set. Raises ValueError for an unknown key (with the nearest
    valid one) and for a value of another type.
    """
    hint = _hint(config, kind, keys, place(below))
    if not _is_section(hint):
        value = _as_written(value, hint, below, text, where=f"{place(below)}: {'.'.join(keys)}")
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
        said |= assign(
            config, kind=kind, keys=path, value=item, place=place, text=text, below=inner
        )
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


def _as_written(value: Any, hint: Any, below: Keys, text: Text, *, where: str) -> Any:
    """The value with the text that was written wherever the type wants text."""
    if isinstance(value, list) and get_origin(hint) is list:
        items = enumerate(value)
        (kind,) = get_args(hint)
        return [_as_written(v, kind, (*below, str(i)), text, where=where) for i, v in items]
    if isinstance(value, Mapping) and get_origin(hint) is dict:
        kind = get_args(hint)[1]
        return {
            k: _as_written(v, kind, (*below, str(k)), text, where=where) for k, v in value.items()
        }
    if value is None or isinstance(value, str | list | Mapping) or not _is_text(hint):
        return value
    written = text(below)
    if written is None:
        raise ValueError(
            f"{where} is text, but was read as {value!r}, and how it was written is not known "
            "any more: put it in quotes"
        )
    return written


def _is_text(hint: Any) -> bool:
    if get_origin(hint) in (types.UnionType, Union):
        return all(_is_text(a) for a in get_args(hint) if a is not type(None))
    if get_origin(hint) is Literal:
        return all(isinstance(choice, str) for choice in get_args(hint))
    return hint is str


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


def _hint(config: Any, kind: type, keys: Keys, where: str) -> Any:
    """The type of a key; where a section has one of several classes, that which it has."""
    from omegaconf import OmegaConf

    hint: Any = kind
    for depth, key in enumerate(keys):
        above = ".".join(keys[:depth])
        if not _is_section(hint):
            raise ValueError(f"{where}: {above} has no keys below it, found {'.'.join(keys)}")
        hints = _hints(hint)
        check_name(key, hints, what=f"key of {above}" if above else "key", where=where)
        hint = hints[key]
        if _is_section(hint):
            hint = OmegaConf.get_type(OmegaConf.select(config, ".".join(keys[: depth + 1])))
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
    if isinstance(value, str) and not wrong and not _is_text(hint):  # "nan" is read as a number
        stored: Any = OmegaConf.to_container(parent)
        _refuse_odd(stored.get(keys[-1]), f"{where}: {path}")
    if wrong:
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        hint_text = nearest(str(value), choices) if choices else f"Expected {describe(hint)}."
        raise ValueError(f"{where}: {path} is {value!r}. {hint_text}")
