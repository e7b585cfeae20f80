"""Answers as files: one array file a condition, and a manifest that names them.

    runs/all/RUN_ID/robustness/manifest.jsonl          what was asked, how, and in which file
    runs/all/RUN_ID/robustness/corruptions/fog-3-IDENTITY.npz   the answers, image by image

A file is written to a temporary name and renamed, then the manifest names it: killed at any moment,
at most one condition is lost. A file that the manifest does not name does not count.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ablations.files.own_folders import own_folder
from ablations.robustness.conditions.arrays import Arrays
from ablations.robustness.results.identity import Decides
from ablations.robustness.results.manifest import FOLDER, MANIFEST, Answered, Manifest, append
from ablations.store.runs import write_bytes_atomic

__all__ = ["FOLDER", "MANIFEST", "Answered", "answered", "keep"]

_PLAIN = re.compile(r"[^a-z0-9_.-]+")


def answered(folder: Path) -> Mapping[str, Answered]:
    """The answers of a run, or of what else has such a folder, by identity.

    Raises:
        ValueError: the manifest cannot be read; it names the file.
    """
    return _manifest(folder).look()


@lru_cache(maxsize=4096)
def _manifest(folder: Path) -> Manifest:
    return Manifest(folder)


def keep(
    folder: Path,
    decides: Decides,
    arrays: Arrays,
    *,
    images: int,
    seconds: float,
    device: str,
    versions: Mapping[str, Any],
) -> Path:
    """Store an answer beside the other files of a run; the file."""
    content = _packed(arrays)
    *kinds, name = decides.condition.partition("/")
    file = f"{_PLAIN.sub('-', name)}-{decides.identity()}.npz"
    path = own_folder(folder, FOLDER, _PLAIN.sub("-", kinds[0])) / file
    write_bytes_atomic(path, content)
    said = {
        "identity": decides.identity(),
        "file": f"{path.parent.name}/{file}",
        "sha256": sha256(content).hexdigest(),
        "decides": decides.plain(),
        "images": images,
        "seconds": seconds,
        "device": device,
        "versions": dict(versions),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    append(folder, said)
    return path


def _packed(arrays: Arrays) -> bytes:
    """The same bytes for the same arrays: NumPy gives every member the same date."""
    buffer = BytesIO()
    named: dict[str, Any] = dict(sorted(arrays.items()))
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()
