"""Which file a name means: one's own, or the shipped one that it does not redefine.

A file sees its own names and the shipped ones. A shipped study keeps meaning shipped recipes and
networks, whatever the file that extends it calls its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ablations.studies.config import find_experiments, shipped_experiments
from ablations.studies.yaml_source import YamlSource, load_yaml
from lit_models.registry.names import close_names, nearest

Kind = Literal["recipes", "studies", "trajectories", "networks"]


def load_scope(option: Path | None = None) -> YamlSource:
    """The experiments file and, below it, the shipped one where that is another.

    Raises ValueError for a file that is not there or no YAML.
    """
    path, shipped = find_experiments(option), shipped_experiments()
    source = load_yaml(path)
    if path.resolve() == shipped:
        return source
    return replace(source, shipped=load_yaml(shipped))


def section(source: YamlSource, *keys: str) -> Mapping[str, Any]:
    """The mapping at a key path of one file, empty where the file has none.

    Raises ValueError where there is something else.
    """
    found: Mapping[str, Any] = source.data
    for depth, key in enumerate(keys, start=1):
        value = found.get(key)
        if value is not None and not isinstance(value, Mapping):
            where = source.where(keys[:depth])
            raise ValueError(f"{where}: expected a mapping, found {value!r}")
        found = value or {}
    return found


def names(source: YamlSource | None, kind: Kind) -> tuple[str, ...]:
    """Every name that a file can use: its own first, then the shipped ones; none without a file."""
    if source is None:
        return ()
    return tuple(dict.fromkeys((*section(source, kind), *names(source.shipped, kind))))


def owner(source: YamlSource | None, kind: Kind, name: str) -> YamlSource | None:
    """The file whose definition a name means in a file; None where no file has it."""
    while source is not None and name not in section(source, kind):
        source = source.shipped
    return source


def check_known(
    source: YamlSource, kind: Kind, name: str, *, what: str, where: str, more: Iterable[str] = ()
) -> None:
    """Raise ValueError, with the nearest name, where neither file nor `more` has one.

    Of the shipped names, which are many, only a near one is said.
    """
    shipped = {*names(source.shipped, kind), *more}
    if name in shipped or name in section(source, kind):
        return
    own = list(section(source, kind)) or ([] if source.shipped is not None else list(shipped))
    near = close_names(name, {*shipped, *own}, most=1)
    hint = f"Did you mean {near[0]}? " if near and near[0] not in own else ""
    rest = " `ablate list` shows the shipped ones too." if source.shipped is not None else ""
    raise ValueError(f"{where}: {what} {name!r} is unknown. {hint}{nearest(name, own)}{rest}")
