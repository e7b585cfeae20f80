"""The keys below `points`: which there are depends on the design that `points.kind` names."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from ablations.studies.designs import DESIGNS, cumulative, option_names
from ablations.studies.settings import Setting
from lit_models.registry.names import nearest

_POINTS, _KIND = "points", "kind"


def kind_of(settings: Sequence[Setting]) -> str:
    """The design that settings name, the last of them. Raises ValueError for one that is none."""
    kind = cumulative.Cumulative.kind
    for setting in settings:
        value, below = setting.value, setting.keys[1:]
        if setting.keys == (_POINTS,) and isinstance(value, Mapping) and _KIND in value:
            value, below = value[_KIND], (_KIND,)
        if setting.keys[0] == _POINTS and below == (_KIND,):
            kind = value
            if not isinstance(kind, str) or kind not in DESIGNS:
                where = setting.place(() if setting.keys[1:] else (_KIND,))
                raise ValueError(f"{where}: points.kind is {kind!r}. {nearest(str(kind), DESIGNS)}")
    return kind


def meaningful(settings: Sequence[Setting], kind: str) -> Iterator[Setting]:
    """The settings without keys of other designs that are empty or off.

    Raises ValueError where such a key says something.
    """
    for setting in settings:
        if setting.keys[0] != _POINTS:
            yield setting
        elif len(setting.keys) > 1:
            if not _is_foreign(setting.keys[1], setting.value, setting.place(()), kind):
                yield setting
        elif isinstance(setting.value, Mapping):
            kept = {
                key: value
                for key, value in setting.value.items()
                if not _is_foreign(str(key), value, setting.place((str(key),)), kind)
            }
            yield replace(setting, value=kept)
        else:
            yield setting


def _is_foreign(key: str, value: Any, where: str, kind: str) -> bool:
    """Whether a key is of another design and says nothing; ValueError where it says something."""
    owners = [name for name in DESIGNS if key in option_names(name)]
    if not owners or kind in owners:
        return False
    if value:
        raise ValueError(
            f"{where}: points.{key} has no meaning for points.kind={kind}, "
            f"only for {' or '.join(owners)}."
        )
    return True


def blank_points(kind: str) -> Any:
    """The keys of a design with their defaults, as a structured config."""
    return pickle.loads(_blank(kind))


@cache
def _blank(kind: str) -> bytes:
    from omegaconf import OmegaConf

    return pickle.dumps(OmegaConf.structured(DESIGNS[kind].options))
