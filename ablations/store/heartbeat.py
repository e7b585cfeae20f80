"""Signs of life of a run: its worker touches a file while batches pass.

A reader sees how long ago that was. It is shown, and never a reason to end a run: a long
compilation is silent too.

Both times are the file system's, so that no clock of a machine is compared with that of another.
"""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ablations.store.runs import LOCK

_EVERY = 5.0  # seconds between two touches
SILENCE = 60.0  # seconds without a sign of life from which on it is worth a word


class Heartbeat:
    """Touches the lock file of a run that this process trains."""

    def __init__(self, folder: Path) -> None:
        self._file, self._last = folder / LOCK, -_EVERY

    def beat(self) -> None:
        """Cheap to call often."""
        now = time.monotonic()
        if now - self._last >= _EVERY:
            self._last = now
            with suppress(OSError):
                os.utime(self._file, follow_symlinks=False)


def file_system_time(folder: Path) -> float | None:
    """Now, as the file system of a folder sees it; None where nothing can be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return None


def last_heard(folder: Path) -> float | None:
    """When the worker of a run was last heard of, in the file system's time."""
    try:
        return (folder / LOCK).lstat().st_mtime
    except OSError:
        return None
