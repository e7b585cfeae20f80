"""The check of every file of an image tree before training, done once and remembered.

What was found is kept in `$XDG_CACHE_HOME/architecture-ablations/images` (~/.cache by default),
never in the tree, and is valid as long as no path, size or modification time changes. Where that
folder cannot be written the check simply runs again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from datamodules.sets.decode import problem

log = logging.getLogger(__name__)
_CHUNK = 500
_MANY = 20_000


@dataclass(frozen=True)
class File:
    """One file of a tree: its path below the tree, its class, and what changes when it does."""

    path: str
    label: int
    size: int
    modified: int


def bad_files(tree: Path, files: Sequence[File], *, full: bool) -> Mapping[str, str]:
    """Path below `tree` -> reason, for every file that is no readable image."""
    digest, memory = _fingerprint(files, full=full), _memory(tree, full=full)
    known = _recall(memory, digest)
    if known is not None:
        return known
    if len(files) > _MANY:
        log.info("checking %d image files of %s, once", len(files), tree)
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]

    def check(chunk: Sequence[File]) -> list[tuple[str, str]]:
        reasons = ((file.path, problem(tree / file.path, full=full)) for file in chunk)
        return [(path, reason) for path, reason in reasons if reason is not None]

    # Threads: reading waits for the disk, and PIL decodes without the interpreter's lock.
    with ThreadPoolExecutor(max_workers=4 * len(os.sched_getaffinity(0))) as pool:
        bad = dict(item for items in pool.map(check, chunks) for item in items)
    _remember(memory, digest, bad)
    return bad


def _fingerprint(files: Sequence[File], *, full: bool) -> str:
    digest = hashlib.sha256(f"1 {full}".encode())
    for file in files:
        digest.update(
            f"\0{file.path}\0{file.size}\0{file.modified}".encode(errors="surrogateescape")
        )
    return digest.hexdigest()


def _memory(tree: Path, *, full: bool) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    name = hashlib.sha256(os.fsencode(tree.resolve())).hexdigest()[:16]
    kind = "full" if full else "header"
    return Path(cache) / "architecture-ablations" / "images" / f"{name}-{kind}.json"


def _recall(memory: Path, digest: str) -> Mapping[str, str] | None:
    try:
        found = json.loads(memory.read_text())
        return dict(found["bad"]) if found["fingerprint"] == digest else None
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not there or damaged: check again


def _remember(memory: Path, digest: str, bad: Mapping[str, str]) -> None:
    part = memory.with_suffix(f".{os.getpid()}.part")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"fingerprint": digest, "bad": bad}))
        part.replace(memory)
    except OSError as error:
        log.info("the check of the images is not remembered: %s", error)
