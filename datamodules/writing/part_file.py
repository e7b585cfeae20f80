"""A file that appears under its name only when it is whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_BUFFER = 1 << 20


@contextmanager
def new_file(out: str | Path, *, force: bool, say: Callable[[str], None]) -> Iterator[BinaryIO]:
    """A file beside `out` that takes its name when the block ends, and is removed if it fails.

    Raises:
        ValueError: `out` is there and not `force`, or somebody else is writing it.
    """
    out = Path(out)
    check_target(out, force=force)
    part = part_name(out)
    file = _locked(part, say)
    try:
        yield file
        file.flush()
        os.fsync(file.fileno())
        check_target(out, force=force)
        part.replace(out)
        _sync(out.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        with suppress(OSError):  # what is left in the buffer of a full disk
            file.close()


def part_name(out: str | Path) -> Path:
    """Where `new_file` writes until the end: OUT.part itself is what a browser downloads into."""
    out = Path(out)
    return out.with_name(f".{out.name}.part")


def check_target(out: str | Path, *, force: bool) -> None:
    """Refuse a name that cannot become a new file; make its folder.

    Raises:
        ValueError: it does not end in .beton, its folder cannot be made, or it is there and not
            `force`.
    """
    out = Path(out)
    if out.suffix != ".beton":
        raise ValueError(f"{out} has to end in .beton.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{out.parent} cannot be made ({error.strerror})"
        raise ValueError(f"{out} cannot be written: {why}.") from error
    if out.exists() and not (force and out.is_file()):
        raise ValueError(f"{out} is there already: take another name, or replace it with --force.")


def _locked(part: Path, say: Callable[[str], None]) -> BinaryIO:
    """Open the part file, alone. The lock goes with its process, however that ends."""
    while True:
        file = os.fdopen(_opened(part), "r+b", buffering=_BUFFER)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            busy = isinstance(error, BlockingIOError)
            why = "another process is writing it" if busy else f"it cannot be locked ({error})"
            raise ValueError(f"{part} cannot be used: {why}.") from error
        # The one that had the lock may have renamed or removed the file meanwhile.
        with suppress(FileNotFoundError):
            if os.path.samestat(part.stat(), os.fstat(file.fileno())):
                break
        file.close()
    if os.fstat(file.fileno()).st_size:
        say(f"{part} was left by a writer that was stopped; it is written again.")
        file.truncate(0)
    return file


def _opened(part: Path) -> int:
    """The part file itself: what a link of its name leads to is somebody else's."""
    try:
        return os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if part.is_symlink():
            raise ValueError(f"{part} is a link: remove it, it is the name of our own.") from None
        raise ValueError(f"{part} cannot be used: {error.strerror}.") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
