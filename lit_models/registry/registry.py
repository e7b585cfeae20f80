"""A table of named things to which code outside this project may add."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from lit_models.registry.names import nearest

T = TypeVar("T")

_WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Origin:
    """Where a name was defined."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Registered(NamedTuple):
    """One entry of one registry."""

    registry: "Registry[Any]"
    name: str


_record: ContextVar[list[Registered] | None] = ContextVar("record", default=None)


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
        place = origin or caller()
        if name in self._entries:
            raise ValueError(
                f"{place}: the {self.kind} {name!r} exists already, from {self.origin(name)}: "
                "give yours another name"
            )
        self._entries[name] = value, place
        if (made := _record.get()) is not None:
            made.append(Registered(self, name))
        return value

    def forget(self, name: str) -> None:
        """Take a name out again, as after a user's file that failed halfway."""
        del self._entries[name]


def check_word(name: str, *, what: str, origin: Origin) -> None:
    """Raise ValueError where a name that recipes write is no plain word; `what`: "a metric"."""
    if not _WORD.fullmatch(name):
        raise ValueError(
            f"{origin}: {what} cannot be called {name!r}: use small letters, digits and '_', a "
            "letter first"
        )


def check_registered(registry: Registry[Any], names: Iterable[str], *, key: str) -> None:
    """Raise ValueError, beginning with the key, for a name that is not registered."""
    for name in names:
        if name not in registry:
            raise ValueError(f"{key}: {unknown(registry, name)}")


def unknown(registry: Registry[Any], name: str) -> str:
    """What to say of a name that is not registered, and may be in a file that is not loaded."""
    return (
        f"there is no {registry.kind} {name!r}. {nearest(name, registry)} One of your own needs "
        "its file: --use FILE"
    )


@contextmanager
def recorded(*, besides: Callable[[str], bool] = lambda _: False) -> Iterator[list[Registered]]:
    """Collect what is registered in the block; all of it is taken back when the block raises.

    What files that are `besides` register is not: built-in things whose modules the block imports.
    """
    made: list[Registered] = []
    token = _record.set(made)
    try:
        yield made
    except BaseException:
        for registry, name in made:
            if not besides(registry.origin(name).file):
                registry.forget(name)
        raise
    finally:
        made[:] = [one for one in made if one.name not in one.registry or not _is(one, besides)]
        _record.reset(token)


def _is(entry: Registered, besides: Callable[[str], bool]) -> bool:
    return besides(entry.registry.origin(entry.name).file)


def caller(*, above: int = 0) -> Origin:
    """The file and line that called the function that calls this, or so many calls above that."""
    frame = sys._getframe(2 + above)
    return Origin(frame.f_code.co_filename, frame.f_lineno)
