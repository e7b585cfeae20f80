"""A table of named things to which code outside this project may add."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from lit_models.registry.names import nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """Where a name was defined."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Registry(Mapping[str, T], Generic[T]):
    """Named things of one kind. A name is given once; it remembers the file and line that did."""

    def __init__(self, kind: str) -> None:
        self.kind = kind  # for errors, such as "step"
        self._entries: dict[str, tuple[T, Origin]] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise KeyError(f"there is no {self.kind} {name!r}. {nearest(name, self._entries)}")
        return self._entries[name][0]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def origin(self, name: str) -> Origin:
        """The file and line that defined a name; raises KeyError for an unknown one."""
        self[name]
        return self._entries[name][1]

    def register(self, name: str, value: T, *, origin: Origin | None = None) -> T:
        """Add a thing under a new name and return it; the origin is the caller's file and line.

        Raises ValueError, with both places, when the name is taken.
        """
        place = origin or _caller()
        if name in self._entries:
            raise ValueError(
                f"{place}: the {self.kind} {name!r} exists already, from {self.origin(name)}: "
                "give yours another name"
            )
        self._entries[name] = value, place
        return value

    def forget(self, name: str) -> None:
        """Take a name out again, as after a user's file that failed halfway."""
        del self._entries[name]


def _caller() -> Origin:
    frame = sys._getframe(2)
    return Origin(frame.f_code.co_filename, frame.f_lineno)
