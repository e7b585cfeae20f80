"""One process a run: an advisory lock (flock) that the kernel frees however its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ablations.files.own_files import open_own

_PATIENCE = (
    1.0  # seconds; `is_held` takes the lock for an instant, which must not look like a holder
)


class BusyError(RuntimeError):
    """Another process holds the lock."""


@contextmanager
def hold(path: Path, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold the lock file for the length of a `with` block.

    Raises BusyError when another process has it, and keeps it for `patience` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held = [open_own(path, os.O_RDWR | os.O_CREAT)]

    def let_go() -> None:
        while held:
            os.close(held.pop())

    # A forked child (a data loader's worker) would keep the lock alive after its parent's death.
    os.register_at_fork(after_in_child=let_go)
    try:
        _take(held[0], path, patience)
        yield
    finally:
        let_go()


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock file; works in a folder that cannot be written.

    Raises OSError, naming the file, when it cannot be opened or the file system has no locks.
    """
    try:
        handle = open_own(path)
    except FileNotFoundError:
        return False
    try:
        # A shared lock: two readers at the same time do not take each other for a holder.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _take(handle: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise BusyError(f"{path} is held by another process") from None
            time.sleep(0.02)
        else:
            return
