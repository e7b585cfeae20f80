"""Specs as plain JSON-able data and back, and the difference between two specs."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from lit_models.families.reference import Network, TimmModel
from lit_models.space.spec import ArchSpec

TIMM = "timm"  # the key that holds the name of a timm network; a spec of ours has none


def to_dict(network: Network) -> dict[str, Any]:
    """A network as nested dicts, lists, numbers and strings; sets become sorted lists."""
    plain = cast("dict[str, Any]", to_plain(network))
    return {TIMM: plain.pop("name"), **plain} if isinstance(network, TimmModel) else plain


def from_dict(data: Mapping[str, Any]) -> Network:
    """The network that `to_dict` wrote.

    A field that has a default may be missing: it is one of a later version. Raises ValueError on an
    unknown field and on a missing one without a default (naming it), and on an illegal combination.
    """
    if _is_timm(data):
        values = {"name" if key == TIMM else key: value for key, value in data.items()}
        return cast("TimmModel", typed(TimmModel, values, "spec"))
    return cast("ArchSpec", typed(ArchSpec, data, "spec"))


def _is_timm(data: Any) -> bool:
    return isinstance(data, Mapping) and TIMM in data


def difference(before: Network, after: Network) -> tuple[tuple[str, Any, Any], ...]:
    """Every field that differs, as (path, value before, value after), in field order."""
    old, new = dict(_leaves(to_dict(before))), dict(_leaves(to_dict(after)))
    paths = [*old, *(path for path in new if path not in old)]
    filled = {path.rpartition("[")[0] for path in paths}  # an empty list and its later entries
    return tuple(
        (path, old.get(path), new.get(path))
        for path in paths
        if old.get(path) != new.get(path) and path not in filled
    )


def to_plain(value: Any) -> Any:
    """A value of a configuration as nested dicts, lists, numbers and strings."""
    if is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def typed(kind: Any, value: Any, path: str) -> Any:
    """Plain data as a value of a type; raises ValueError, naming the path, for any other."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass(cast("type", kind), value, path)
    if origin in (tuple, list, frozenset):
        if not isinstance(value, list | tuple):
            raise ValueError(f"{path}: expected a list, found {value!r}")
        if origin is tuple and Ellipsis not in arguments and len(value) != len(arguments):
            raise ValueError(f"{path}: expected a list of {len(arguments)}, found {value!r}")
        items = [typed(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(value)]
        return origin(items)
    if origin in (types.UnionType, Union):
        return _one_of(tuple(arguments), value, path)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{path}: expected one of {arguments}, found {value!r}")
        return value
    return _plain_value(kind, value, path)


def _one_of(kinds: tuple[type, ...], value: Any, path: str) -> Any:
    """A value of an optional type, or of one of several plain ones."""
    inner = [kind for kind in kinds if kind is not type(None)]
    if value is None and len(inner) < len(kinds):
        return None
    if len(inner) == 1:
        return typed(inner[0], value, path)
    if type(value) not in inner:
        names = ", ".join(kind.__name__ for kind in inner)
        raise ValueError(f"{path}: expected one of {names}, found {value!r}")
    return value


def _plain_value(kind: type, value: Any, path: str) -> Any:
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"{path}: expected {kind.__name__}, found {value!r}")
    return float(cast("float", value)) if kind is float else value


def _dataclass(kind: type, value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{path}: expected a mapping for {kind.__name__}, found {value!r}")
    hints = get_type_hints(kind)
    required = {
        f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    }
    odd = sorted((set(value) - set(hints)) | (required - set(value)))
    if odd:
        raise ValueError(f"{path}: fields {odd} are unknown or missing in {kind.__name__}")
    return kind(**{name: typed(hints[name], value[name], f"{path}.{name}") for name in value})


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value
