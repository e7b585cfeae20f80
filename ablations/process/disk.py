"""A full disk: how it is recognised, and what to say about it."""

import errno
import shutil
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException) -> bool:
    """Whether an error says that no more can be written to a disk."""
    return isinstance(error, OSError) and error.errno in _FULL


def disk_is_full(path: Path) -> str:
    """A sentence about the disk of a file or folder that could not be written."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    usage = shutil.disk_usage(there)
    return (
        f"{path} could not be written: the disk is full, or your quota is used up "
        f"({usage.free / 2**20:,.0f} MB of {usage.total / 2**20:,.0f} MB are free). Make room; the "
        "same command then goes on"
    )
