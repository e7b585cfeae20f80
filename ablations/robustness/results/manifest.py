"""The manifest of a run's answers: a line of JSON for each, which is only ever added to.

To keep an answer takes as long with hundreds of them as with none, and who reads them again reads
what was added. A last line without an end is one that a killed process did not finish: it does not
count, and the next one takes its place.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from ablations.files.own_files import open_own, read_own
from ablations.files.own_folders import own_folder
from ablations.files.shapes import Object, mismatch
from ablations.robustness.conditions.arrays import Arrays
from ablations.store.lock import hold

FOLDER = "robustness"
MANIFEST = "manifest.jsonl"
_LOCK = "lock"
_PATIENCE = 60.0  # seconds; others hold it for milliseconds
_LONGEST = 2**20  # bytes of a line
_FILE = re.compile(r"[a-z0-9_-]+/[a-z0-9_.-]+\.npz")
_REMEDY = "delete the file, and `ablate robustness` again: it asks everything anew"
_SHAPE = Object(
    {
        "identity": str,
        "file": str,
        "sha256": str,
        "decides": Object({"condition": str, "images": Object(), "parameters": Object()}),
        "images": int,
        "seconds": float,
        "device": str,
        "versions": Object(),
        "written": str,
    }
)


@dataclass(frozen=True)
class Answered:
    """An answer that is there.

    Attributes:
        identity: see `Decides`.
        decides: what decided it, as `Decides.plain` gives it.
        images: how many.
        path: of the file with the arrays.
        sha256: of that file.
        seconds: that it took.
        written: when, ISO 8601 in UTC.
    """

    identity: str
    decides: Mapping[str, Any]
    images: int
    path: Path
    sha256: str
    seconds: float
    written: str

    @property
    def condition(self) -> str:
        """The key of the condition."""
        return str(self.decides["condition"])

    def arrays(self) -> Arrays:
        """The answers. Raises ValueError, naming the file, when it is damaged or another one."""
        return _arrays(self.path, self.sha256)


@dataclass(frozen=True)
class _Read:
    """How far a manifest was read.

    Attributes:
        inode, changed: of the file: another one is read from its beginning.
        size: bytes of whole lines.
        lines: how many these are.
        found: the answers in them, by identity.
    """

    inode: int = 0
    changed: int = 0
    size: int = 0
    lines: int = 0
    found: Mapping[str, Answered] = field(default_factory=dict)


class Manifest:
    """The manifest of one folder, of which only what was added since the last look is read.

    Args:
        folder: of a run, in which the folder of its answers is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._path = self._folder / MANIFEST
        self._read = _Read()

    def look(self) -> Mapping[str, Answered]:
        """The answers by identity. Raises ValueError, naming file and line, for a damaged one."""
        try:
            handle = open_own(self._path)
        except FileNotFoundError:
            return MappingProxyType({})
        except OSError as error:
            raise ValueError(f"{self._path} cannot be read: {error.strerror}") from None
        with os.fdopen(handle, "rb") as file:
            now, before = os.fstat(file.fileno()), self._read
            if (now.st_ino, now.st_mtime_ns) == (before.inode, before.changed):
                return before.found
            if now.st_ino != before.inode or now.st_size <= before.size:
                before = _Read()
            file.seek(before.size)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        lines = whole.splitlines()
        found = dict(before.found)
        for number, line in enumerate(lines, start=before.lines + 1):
            one = self._answer(line, number)
            found[one.identity] = one
        self._read = _Read(
            inode=now.st_ino,
            changed=now.st_mtime_ns,
            size=before.size + len(whole),
            lines=before.lines + len(lines),
            found=MappingProxyType(found),
        )
        return self._read.found

    def _answer(self, line: bytes, number: int) -> Answered:
        where = f"{self._path}, line {number}"
        try:
            said: Any = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{where} is no JSON: {error}; {_REMEDY}") from None
        wrong = mismatch(said, _SHAPE, "")
        if wrong is not None:
            raise ValueError(f"{where}: {wrong}; {_REMEDY}")
        if not _FILE.fullmatch(said["file"]):
            raise ValueError(f"{where}: file is {said['file']!r}, which is none of its; {_REMEDY}")
        return Answered(
            identity=said["identity"],
            decides=said["decides"],
            images=said["images"],
            path=self._folder / said["file"],
            sha256=said["sha256"],
            seconds=said["seconds"],
            written=said["written"],
        )


def append(folder: Path, said: Mapping[str, Any]) -> None:
    """Add a line to the manifest of a folder; other processes may do so at the same time.

    Raises:
        ValueError: what is there is a link, or cannot be written.
    """
    place = own_folder(folder, FOLDER)
    line = json.dumps(said, allow_nan=False).encode() + b"\n"
    with (
        hold(place / _LOCK, patience=_PATIENCE),
        os.fdopen(open_own(place / MANIFEST, os.O_RDWR | os.O_CREAT), "r+b") as file,
    ):
        file.seek(_end_of_lines(file))
        file.truncate()  # what a killed process did not finish
        file.write(line)


def _end_of_lines(file: BinaryIO) -> int:
    """Bytes up to the end of the last whole line."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST))
    tail = file.read()
    return size - len(tail) + tail.rfind(b"\n") + 1


@lru_cache(maxsize=512)
def _arrays(path: Path, digest: str) -> Arrays:
    try:
        content = read_own(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if sha256(content).hexdigest() != digest:
        raise ValueError(
            f"{path} is not the file that {MANIFEST} names: delete it, and `ablate robustness` "
            "again"
        )
    with np.load(BytesIO(content), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}
