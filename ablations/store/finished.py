"""The state of many runs at once: finished ones that were found whole are not read again.

What `RunFolder.look` read of a finished run is remembered in the runs folder, by what the file
system says of its files (inode, size, times). A file that was touched since is read again, so a
run that was damaged or taken away is noticed as ever.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from ablations.files.own_files import read_own
from ablations.store.runs import (
    CACHE,
    STATUS,
    SUMMARY,
    Look,
    RunFolder,
    run_path,
    write_text_atomic,
)

_FILE, _VERSION = "finished.json", 1
_FILES = (STATUS, SUMMARY)  # that say what became of a run
# Seconds that a file was left alone before it is remembered: two changes within a tick of the file
# system's clock could look the same.
_SETTLED = 2.0
_FEW = 50  # of so many known runs one new one is worth no writing


@dataclass(frozen=True)
class Finished:
    """What is remembered of a finished run.

    Attributes:
        files: the stamp of status.json and summary.json before they were read.
        status: what status.json said.
    """

    files: str
    status: Mapping[str, Any]


def look_at(run_ids: Iterable[str], runs_root: Path) -> dict[str, Look]:
    """`RunFolder.look` of every run."""
    known, new, found = _remembered(runs_root), dict[str, Finished](), dict[str, Look]()
    for name in run_ids:
        folder = run_path(runs_root, name)
        files, before = stamp(folder, _FILES), known.get(name)
        if before is not None and before.files == files:
            found[name] = Look("done", before.status.get("message"), before.status)
            continue
        found[name] = RunFolder(folder).look()
        if found[name].state == "done" and _settled(folder):
            new[name] = Finished(files, found[name].status)
    if len(new) > len(known) // _FEW:
        _remember(runs_root, {**known, **new})
    return found


def stamp(folder: Path, names: Iterable[str]) -> str:
    """What changes when one of these files does: their inodes, kinds, sizes and times, in words."""
    said = []
    for name in names:
        try:
            found = os.lstat(f"{folder}/{name}")
        except OSError:
            said.append("none")
        else:
            times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
            said.append(f"{found.st_ino} {found.st_mode} {found.st_size} {times}")
    return "; ".join(said)


def _settled(folder: Path) -> bool:
    try:
        times = [(folder / name).lstat() for name in _FILES]
    except OSError:
        return False
    return all(abs(time.time() - max(t.st_mtime, t.st_ctime)) > _SETTLED for t in times)


def _remembered(runs_root: Path) -> dict[str, Finished]:
    """Finished runs by id; none when the file is absent or damaged."""
    try:
        content = json.loads(read_own(runs_root / CACHE / _FILE))
        if content["version"] != _VERSION:
            return {}
        return {
            name: Finished(entry["files"], entry["status"])
            for name, entry in content["runs"].items()
            if _is_status(entry["status"])
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _is_status(status: Any) -> bool:
    """Whether it has the shape of a finished run's status: `file_shapes.STATUS`, in less time."""
    metrics, message = status.get("metrics") or {}, status.get("message")
    numbers = [status.get("epoch"), status.get("epochs"), status.get("seconds"), *metrics.values()]
    counts = all(type(number) is int for number in numbers[:2] if number is not None)
    finite = all(type(n) in (int, float) and isfinite(n) for n in numbers if n is not None)
    return status["state"] == "done" and counts and finite and isinstance(message, str | None)


def _remember(runs_root: Path, runs: Mapping[str, Finished]) -> None:
    content = {"version": _VERSION, "runs": {name: asdict(run) for name, run in runs.items()}}
    try:
        write_text_atomic(runs_root / CACHE / _FILE, json.dumps(content, separators=(",", ":")))
    except OSError:
        return  # a runs folder that cannot be written: read again next time
