"""A section of a study file as a dataclass, where keys may be one text or a list of texts."""

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

from ablations.studies.scope import section
from ablations.studies.typed import Keys, assign, check_name
from ablations.studies.yaml_source import YamlSource

T = TypeVar("T")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # names stand in labels, joined by +


def check_word(source: YamlSource, at: Keys, *, what: str, reserved: Sequence[str] = ()) -> None:
    """Raise ValueError, with file and line, where the last key of a path cannot be a name."""
    if not _WORD.fullmatch(at[-1]) or at[-1] in reserved:
        but = f", and not {' or '.join(reserved)}" if reserved else ""
        raise ValueError(
            f"{source.where(at)}: {at[-1]!r} cannot name a {what}: use letters, digits, '_', '.' "
            f"and '-'{but}"
        )


def value_at(source: YamlSource, at: Keys) -> Any:
    """What a file has at a key path."""
    return section(source, *at[:-1])[at[-1]]


def texts_at(source: YamlSource, at: Keys) -> list[str]:
    """One text or a list of texts, each as it is written.

    Raises ValueError, with file and line, for anything else and for none.
    """
    value = value_at(source, at)
    places = [at] if not isinstance(value, list) else [(*at, str(n)) for n in range(len(value))]
    found = [text for place in places if (text := source.texts.get(place))]
    if not found or len(found) < len(places):
        raise ValueError(f"{source.where(at)}: expected a text or a list of texts, found {value!r}")
    return found


def typed_section(
    source: YamlSource,
    kind: type[T],
    at: Keys,
    *,
    texts: Sequence[str] = (),
    left: Sequence[str] = (),
) -> T:
    """The mapping at a key path as a dataclass.

    Keys in `texts` are lists of which one text alone is short; those in `left` stay at their
    defaults. Raises ValueError, with file and line, for an unknown key, with the nearest, and for a
    value of another type.
    """
    from omegaconf import OmegaConf

    config = OmegaConf.structured(kind)
    valid = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key, value in section(source, *at).items():
        here = (*at, key)
        check_name(key, valid, what=f"key of {'.'.join(at)}", where=source.where(here))
        if key in texts:
            setattr(config, key, texts_at(source, here))
        elif key not in left:
            _assign(config, kind, source, here, value)
    made = OmegaConf.to_object(config)
    assert isinstance(made, kind)
    return made


def _assign(config: Any, kind: type, source: YamlSource, here: Keys, value: Any) -> None:
    assign(
        config,
        kind=kind,
        keys=here[-1:],
        value=value,
        place=lambda below: source.where((*here, *below)),
        text=lambda below: source.texts.get((*here, *below)),
    )
