"""A cache of what was found in the files of an image tree, valid until one of them changes.

It is kept in `$XDG_CACHE_HOME/architecture-ablations/images` (~/.cache by default), never in the
tree, and is valid for the same paths, sizes and modification times, judged by the same code of this
folder, compiled decoder and Pillow. Where that folder cannot be written everything is simply found
out again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from datamodules.catalog.folders import File
from datamodules.catalog.loader_choice import compiled_decoder

log = logging.getLogger(__name__)


def remembered(
    kind: str, tree: Path, files: Iterable[File], find: Callable[[], Mapping[str, str]]
) -> Mapping[str, str]:
    """What `find` gives, from memory if it was called for the same files before.

    Args:
        kind: what is looked for, as a word.
        tree: the folder that the files' paths are below.
        files: all that the answer depends on.
        find: called if nothing is remembered.
    """
    try:
        digest, memory = _fingerprint(kind, files), _memory(kind, tree)
    except RuntimeError:  # nobody's home folder is known
        return find()
    known = _recall(memory, digest)
    if known is not None:
        return known
    found = find()
    _remember(memory, digest, found)
    return found


def _fingerprint(kind: str, files: Iterable[File]) -> str:
    digest = hashlib.sha256(f"{_judges()} {kind} {metadata.version('pillow')}".encode())
    for file in files:
        digest.update(
            f"\0{file.path}\0{file.size}\0{file.modified}".encode(errors="surrogateescape")
        )
    return digest.hexdigest()


@cache
def _judges() -> str:
    """SHA-256 of what decides whether a file is an image, so that none is judged by old rules."""
    built, _ = compiled_decoder()
    rooms = Path(__file__).parent, Path(__file__).parents[1] / "decoding"
    sources = [file for room in rooms for file in sorted(room.glob("*.py"))]
    files = [*sources, *([built] if built else [])]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _memory(kind: str, tree: Path) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(os.fsencode(tree.resolve())).hexdigest()[:16]
    return cache / "architecture-ablations" / "images" / f"{name}-{kind}.json"


def _recall(memory: Path, digest: str) -> Mapping[str, str] | None:
    try:
        found = json.loads(memory.read_text())
        return dict(found["found"]) if found["fingerprint"] == digest else None
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not there or damaged: find out again


def _remember(memory: Path, digest: str, found: Mapping[str, str]) -> None:
    part = memory.with_suffix(f".{os.getpid()}.part")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"fingerprint": digest, "found": dict(found)}))
        part.replace(memory)
    except OSError as error:
        log.info("what was found in the images is not remembered: %s", error)
