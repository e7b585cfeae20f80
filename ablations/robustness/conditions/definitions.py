"""The versions of conditions' definitions: an answer to an earlier one is stale; no torch."""

from collections.abc import Mapping
from types import MappingProxyType

# Of conditions whose definition changed after answers to it were stored, by key or the words that
# it begins with (`corruptions/fog`, `attacks`); all others have 1.
CHANGED: Mapping[str, int] = MappingProxyType({})


def definition(key: str) -> int:
    """The version of the definition of a condition, such as `corruptions/fog/3`."""
    words = key.split("/")
    known = ("/".join(words[:count]) for count in range(len(words), 0, -1))
    return next((CHANGED[name] for name in known if name in CHANGED), 1)
