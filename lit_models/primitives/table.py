"""Every primitive by name: importing this module registers the built-in ones."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from lit_models.primitives import response_norm, squeeze_excite
from lit_models.primitives.primitive import (
    PRIMITIVES,
    Primitive,
    UnknownPrimitive,
    register_primitive,
)
from lit_models.registry.registry import unknown

__all__ = ["code_of", "is_built_in", "primitive", "primitives", "register_primitive"]
BUILT_IN = (response_norm, squeeze_excite)


def primitives() -> Mapping[str, Primitive]:
    """All of them by name."""
    return PRIMITIVES


def primitive(name: str) -> Primitive:
    """The primitive of a name; raises UnknownPrimitive, with the nearest."""
    if name not in PRIMITIVES:
        raise UnknownPrimitive(unknown(PRIMITIVES, name))
    return PRIMITIVES[name]


def is_built_in(name: str) -> bool:
    """Whether a primitive is part of this project."""
    return Path(PRIMITIVES.origin(name).file).parent == Path(__file__).parent


def code_of(names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the files of those primitives that come from outside this project, by name."""
    outside = sorted(name for name in names if not is_built_in(name))
    return {name: _checksum(PRIMITIVES.origin(name).file) for name in outside}


def _checksum(file: str) -> str:
    """Of a file; of its name where it is no file, as in a notebook."""
    path = Path(file)
    return hashlib.sha256(path.read_bytes() if path.is_file() else file.encode()).hexdigest()
