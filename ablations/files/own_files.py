"""How files of a run folder are opened: links are not followed, pipes and devices not waited for.

A runs folder may be shared, and what lies under a name there may have been put there by others.
"""

import errno
import os
import stat
from pathlib import Path

_ODD = "it is no regular file, which is all that is read and written here: move it away"
_LINK = "it is a link, and links are not followed here: put the file itself there, or remove it"


def open_own(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file, opened with `os.open`'s flags; children do not inherit it.

    Raises OSError, naming the file, for what is absent, a link, a pipe, a device or a folder.
    """
    careful = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags | careful, 0o644)
    except OSError as error:
        known = {errno.ELOOP: _LINK, errno.ENXIO: _ODD, errno.EISDIR: _ODD}
        text = known.get(error.errno or 0, error.strerror)
        raise OSError(error.errno, text, str(path)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, _ODD, str(path))
    return handle


def read_own(path: Path) -> bytes:
    """The content of a regular file. Raises OSError as `open_own` does."""
    with os.fdopen(open_own(path), "rb") as file:
        return file.read()


def create_own(path: Path) -> int:
    """A descriptor to write a new file with; what has the name, a link too, is removed first."""
    path.unlink(missing_ok=True)
    return open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
