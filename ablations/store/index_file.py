"""index.json of a study: which runs it is made of, by point and seed. All readers go by it.

What it says becomes paths, titles and lines of tables, so it is checked like what somebody types.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ablations.statistics.seeds.rule import SeedsRule
from ablations.store import file_shapes
from ablations.store.hints import hint
from ablations.store.runs import (
    INDEX,
    REPORT,
    REPORT_ROWS,
    STUDIES,
    RunFolder,
    check_label,
    check_study_name,
    read_json,
    run_path,
    study_path,
)
from lit_models.registry.names import close_names

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_LARGEST_SEED = 2**32 - 1


def read_index(study: str, runs_root: Path) -> dict[str, Any] | None:
    """The index of a study; None before its first `ablate run`.

    Raises ValueError, with file and key, for what `ablate run` would not have written: among others
    labels and run ids that are paths, and a point that has a seed twice.
    """
    path = study_path(runs_root, study) / INDEX
    again = hint("run", study, root=runs_root)
    try:
        found = read_json(path, file_shapes.INDEX)
        if found is not None:
            _check_rows(found["rows"], runs_root)
            _check_unmatched(found, runs_root)
            seeds_rule(found)
    except ValueError as error:
        text = str(error).partition(";")[0].removeprefix(f"{path}: ")
        raise ValueError(
            f"{path}: {text.removeprefix(f'{path} ')}; {again} writes it again and keeps every "
            "finished run"
        ) from None
    return None if found is None else one_line(found)


def require_index(study: str, runs_root: Path, *, first: str) -> dict[str, Any]:
    """The index of a study. Raises ValueError before its first `ablate run`: `first`, as typed."""
    index = read_index(check_study_name(study), runs_root)
    if index is None:
        close = close_names(study, indexed_studies(runs_root), most=1)
        meant = f"Did you mean {close[0]}? " if close else ""
        raise ValueError(
            f"nothing of study {study!r} has run in {runs_root}. {meant}"
            f"{first} first, or give the right folder with --runs"
        )
    return index


def indexed_studies(runs_root: Path) -> list[str]:
    """The names under which something has run."""
    return sorted(path.parent.name for path in (runs_root / STUDIES).glob(f"*/{INDEX}"))


@dataclass(frozen=True)
class Replaced:
    """What a new index takes out of a study's report.

    Attributes:
        command: that the runs are of.
        runs: how many with results; 0: an earlier command took some out.
    """

    command: str
    runs: int


def replaced_by(study: str, run_ids: Collection[str], runs_root: Path) -> Replaced | None:
    """What an index of these runs would replace; None where nothing with results goes."""
    try:
        index = read_index(study, runs_root)
    except ValueError:  # a damaged one is written anew
        return None
    if index is None:
        return None
    gone = {row["run_id"] for row in index["rows"]}.difference(run_ids)
    results = sum(RunFolder(run_path(runs_root, name)).state() != "new" for name in gone)
    if results:
        return Replaced(index["command"], results)
    earlier = index.get("replaced")
    return Replaced(earlier, 0) if earlier and has_older_report(study, runs_root) else None


def has_older_report(study: str, runs_root: Path) -> bool:
    """Whether the study's report was written before its index."""
    folder = study_path(runs_root, study)
    try:
        written = (folder / REPORT / REPORT_ROWS).stat().st_mtime_ns
        return written < (folder / INDEX).stat().st_mtime_ns
    except OSError:
        return False


def rows_of(study: str, runs_root: Path) -> list[dict[str, Any]]:
    """The rows of the study's last `ablate run`; none before the first."""
    index = read_index(study, runs_root)
    return [] if index is None else list(index["rows"])


def seeds_rule(index: Mapping[str, Any]) -> SeedsRule | None:
    """The rule for the seeds of a study; None where they were listed.

    Raises ValueError for a rule that no study can have.
    """
    said = index.get("seeds_rule")
    return None if said is None else SeedsRule(**{f.name: said[f.name] for f in fields(SeedsRule)})


def one_line(value: Any) -> Any:
    """The value with line breaks and what cannot be printed in its texts and keys as spaces."""
    if isinstance(value, str):
        return _CONTROL.sub(" ", value)
    if isinstance(value, Mapping):
        return {one_line(key): one_line(item) for key, item in value.items()}
    return [one_line(item) for item in value] if isinstance(value, list) else value


def _check_unmatched(index: Mapping[str, Any], runs_root: Path) -> None:
    """Raise ValueError for a run of a network with its own widths whose id is a path."""
    match = index.get("match") or {}
    for absorbed in match.get("absorbed", ()):
        check_label(absorbed["point"])
        for run_id in absorbed["unmatched"].values():
            run_path(runs_root, run_id)
    for row in index["rows"]:
        if row.get("unmatched") is not None:
            run_path(runs_root, row["unmatched"])


def _check_rows(rows: list[dict[str, Any]], runs_root: Path) -> None:
    seen = set()
    for number, row in enumerate(rows):
        try:
            key = (check_label(row["point"]), row["seed"])
            run_path(runs_root, row["run_id"])
        except ValueError as error:
            raise ValueError(f"rows[{number}]: {error}") from None
        if not 0 <= row["seed"] <= _LARGEST_SEED:
            raise ValueError(f"rows[{number}].seed is {row['seed']}, expected 0 to {_LARGEST_SEED}")
        if key in seen:
            raise ValueError(f"rows[{number}]: point {key[0]} has seed {key[1]} twice")
        seen.add(key)
