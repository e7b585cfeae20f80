"""The check of every file of an image tree before training, done once and remembered."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from datamodules.catalog.folders import File
from datamodules.decoding import native
from datamodules.decoding.decode import problem
from datamodules.sets.memory import remembered

log = logging.getLogger(__name__)
_CHUNK = 500
_MANY = 20_000


def bad_files(tree: Path, files: Sequence[File], *, full: bool) -> Mapping[str, str]:
    """Path below `tree` -> reason, for every file that is no readable image."""
    # The compiled decoder sees a little more than what does its work without it.
    kind = ("full" if native.library() else "full-without-it") if full else "header"
    return remembered(kind, tree, files, lambda: _check(tree, files, full=full))


def _check(tree: Path, files: Sequence[File], *, full: bool) -> Mapping[str, str]:
    if len(files) > _MANY:
        log.info("checking %d image files of %s, once", len(files), tree)
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]

    def check(chunk: Sequence[File]) -> list[tuple[str, str]]:
        reasons = ((file.path, problem(tree / file.path, full=full)) for file in chunk)
        return [(path, reason) for path, reason in reasons if reason is not None]

    # Threads: reading waits for the disk, and PIL decodes without the interpreter's lock.
    with ThreadPoolExecutor(max_workers=4 * len(os.sched_getaffinity(0))) as pool:
        return dict(item for items in pool.map(check, chunks) for item in items)
