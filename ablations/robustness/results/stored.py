"""Answers as files: one array file a condition, and a manifest that names them.

    runs/all/RUN_ID/robustness/manifest.json           what was asked, how, and in which file
    runs/all/RUN_ID/robustness/corruptions/fog-3-IDENTITY.npz   the answers, image by image

A file is written to a temporary name and renamed, then the manifest names it: killed at any moment,
at most one condition is lost. A file that the manifest does not name does not count.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ablations.files.own_files import read_own
from ablations.files.own_folders import own_folder
from ablations.files.shapes import Object
from ablations.robustness.conditions.arrays import Arrays
from ablations.robustness.results.identity import Decides
from ablations.store.finished import stamp
from ablations.store.lock import hold
from ablations.store.runs import read_json, write_bytes_atomic, write_json_atomic

FOLDER = "robustness"
MANIFEST = "manifest.json"
_LOCK = "lock"
_PATIENCE = 60.0  # seconds; others hold it for milliseconds
_PLAIN = re.compile(r"[^a-z0-9_.-]+")
_SHAPE = Object(
    {
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


def answered(folder: Path) -> Mapping[str, Answered]:
    """The answers of a run, or of what else has such a folder, by identity.

    Raises:
        ValueError: the manifest cannot be read; it names the file.
    """
    return _answered(folder, stamp(folder / FOLDER, (MANIFEST,)))


@lru_cache(maxsize=4096)
def _answered(folder: Path, stamp: str) -> Mapping[str, Answered]:
    del stamp
    found = read_json(folder / FOLDER / MANIFEST, Object(each=_SHAPE)) or {}
    return {
        identity: Answered(
            identity=identity,
            decides=said["decides"],
            images=said["images"],
            path=folder / FOLDER / said["file"],
            sha256=said["sha256"],
            seconds=said["seconds"],
            written=said["written"],
        )
        for identity, said in found.items()
    }


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
        "file": f"{path.parent.name}/{file}",
        "sha256": sha256(content).hexdigest(),
        "decides": decides.plain(),
        "images": images,
        "seconds": seconds,
        "device": device,
        "versions": dict(versions),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    manifest = folder / FOLDER / MANIFEST
    with hold(
        manifest.with_name(_LOCK), patience=_PATIENCE
    ):  # another process may keep an answer just now
        before = read_json(manifest, Object(each=_SHAPE)) or {}
        write_json_atomic(manifest, {**before, decides.identity(): said})
    return path


def _packed(arrays: Arrays) -> bytes:
    """The same bytes for the same arrays: NumPy gives every member the same date."""
    buffer = BytesIO()
    named: dict[str, Any] = dict(sorted(arrays.items()))
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


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
