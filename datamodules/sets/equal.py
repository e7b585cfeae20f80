"""Files of a tree that are equal byte by byte, which must not be in train and in test."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from datamodules.catalog.folders import File, some

_END = 4096  # bytes at the end of a file, in which nearly all different ones differ


def equal_files(tree: Path, files: Sequence[File]) -> dict[str, str]:
    """Path -> the first path with the same content, for every file that is not the only one.

    Only files of one size are opened, and only those with equal ends are read as a whole.
    """
    groups: list[list[File]] = _split([list(files)], [str(file.size) for file in files])
    with ThreadPoolExecutor(max_workers=4 * len(os.sched_getaffinity(0))) as pool:
        for count in (_END, None):
            flat = [file for group in groups for file in group]
            digests = pool.map(lambda file, n=count: _digest(tree / file.path, n), flat)
            groups = _split(groups, list(digests))
    return {file.path: group[0].path for group in groups for file in group}


def shared(equal: Mapping[str, str], train: Sequence[str], test: Sequence[str]) -> list[str]:
    """`TRAIN = TEST` for every test path that has an equal among the training paths."""
    first = {equal[path]: path for path in reversed(train) if path in equal}
    return [f"{first[equal[path]]} = {path}" for path in test if equal.get(path) in first]


def shared_sentence(pairs: Sequence[str], tested: int, where: object) -> str:
    """What to say about images that are in train and in test."""
    return (
        f"{len(pairs):,} of {tested:,} test images of {where} are training images, too, byte by "
        f"byte ({some(pairs)}): the test accuracy is too good by that. Remove them from one side."
    )


def _split(groups: Sequence[Sequence[File]], keys: Sequence[str]) -> list[list[File]]:
    """The groups cut by keys, one for each file in order; a file alone is left out."""
    found: list[list[File]] = []
    given = iter(keys)
    for group in groups:
        parts = defaultdict[str, list[File]](list)
        for file in group:
            parts[next(given)].append(file)
        found += [part for part in parts.values() if len(part) > 1]
    return found


def _digest(path: Path, count: int | None) -> str:
    """BLAKE2 of the last `count` bytes, or of all; a file that is gone is equal to no other."""
    digest = hashlib.blake2b(digest_size=20)
    try:
        with path.open("rb") as file:
            if count is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - count))
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError:
        return str(path)
    return digest.hexdigest()
