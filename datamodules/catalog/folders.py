"""What lies in folders of images: listed, not opened (no torch, no NumPy, no Pillow).

Nothing is left out silently: what cannot be read as an image of a class is `unusable`, with the
reason, and what nobody would take for one is `ignored`.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_SHOWN = 5
_Ids = frozenset[tuple[int, int]]  # device and inode of folders


class File(NamedTuple):
    """One file of a split: its path below the split's folder, its class, its size and time.

    `modified` is in nanoseconds since 1970.
    """

    path: str
    label: int
    size: int
    modified: int


@dataclass(frozen=True)
class SplitFolder:
    """A folder with a folder for each class.

    Attributes:
        folder: the folder.
        class_names: by label, sorted.
        files: sorted by class, then by path.
        unusable: path below the folder -> why no image can be read there.
        ignored: other paths below the folder that are no images: hidden ones, and texts beside the
            class folders.
    """

    folder: Path
    class_names: tuple[str, ...]
    files: tuple[File, ...]
    unusable: Mapping[str, str]
    ignored: tuple[str, ...]

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Files of every class, by label."""
        counts = Counter(file.label for file in self.files)
        return tuple(counts[label] for label in range(len(self.class_names)))


class _Entry(NamedTuple):
    path: str
    found: os.stat_result | None = None  # of a file that can be opened
    why: str | None = None  # it cannot; neither of both: it is ignored


def class_folders(folder: Path) -> list[str]:
    """The names of the class folders of a split, sorted; links to folders count.

    Raises:
        OSError: the folder cannot be opened.
    """
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if not _hidden(e.name) and Path(e.path).is_dir())


def list_split(folder: Path) -> SplitFolder:
    """List a split's folder and everything below it.

    Raises:
        ValueError: the folder cannot be opened.
    """
    try:
        names = class_folders(folder)
        beside = list(_beside(folder, set(names)))
        above = frozenset(_id(path.stat()) for path in (folder, folder.parent))
    except OSError as error:
        raise ValueError(f"{folder} cannot be opened ({error.strerror}).") from error
    files: list[File] = []
    for label, name in enumerate(names):
        entries = list(_walk(str(folder / name), above))
        beside += [entry for entry in entries if entry.found is None]
        files += sorted(_files(entries, label, start=len(str(folder)) + 1))
    start = len(str(folder)) + 1
    return SplitFolder(
        folder=folder,
        class_names=tuple(names),
        files=tuple(files),
        unusable={e.path[start:]: e.why for e in beside if e.why is not None},
        ignored=tuple(sorted(e.path[start:] for e in beside if e.why is None)),
    )


def some(names: Sequence[str]) -> str:
    """The first names of many, and how many more there are."""
    rest = len(names) - _SHOWN
    text = ", ".join(names[:_SHOWN]) or "nothing"
    return (
        (text if rest <= 0 else f"{text} and {rest} more")
        .encode(errors="backslashreplace")
        .decode()
    )


def _files(entries: Sequence[_Entry], label: int, *, start: int) -> Iterator[File]:
    for path, found, _ in entries:
        if found is not None:
            yield File(path[start:], label, found.st_size, found.st_mtime_ns)


def _beside(folder: Path, classes: set[str]) -> Iterator[_Entry]:
    """What lies in a split's folder and is no class folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in classes:
                continue
            if _hidden(entry.name):
                yield _Entry(entry.path)
            elif not Path(entry.path).exists():
                yield _Entry(entry.path, why=_lost(entry))
            else:
                kind = mimetypes.guess_type(entry.name)[0] or ""
                stray = "it lies beside the class folders" if kind.startswith("image/") else None
                yield _Entry(entry.path, why=stray)


def _walk(folder: str, above: _Ids) -> Iterator[_Entry]:
    try:
        above |= {_id(os.stat(folder))}  # noqa: PTH116 (strings: a million Path objects are slow)
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError as error:
        yield _Entry(folder, why=f"it cannot be opened: {error.strerror}")
        return
    for entry in listed:
        if _hidden(entry.name):
            yield _Entry(entry.path)
            continue
        try:
            found = entry.stat()
        except OSError:
            yield _Entry(entry.path, why=_lost(entry))
            continue
        if stat.S_ISREG(found.st_mode):
            yield _Entry(entry.path, found)
        elif not stat.S_ISDIR(found.st_mode):
            yield _Entry(entry.path, why="no regular file")
        elif _id(found) in above:
            yield _Entry(entry.path, why="a link to a folder that it lies in")
        else:
            yield from _walk(entry.path, above)


def _lost(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return f"a link to {Path(entry.path).readlink()}, which is not there"
    return "it cannot be opened"


def _hidden(name: str) -> bool:
    return name.startswith(".")  # what file managers and version control leave behind


def _id(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
