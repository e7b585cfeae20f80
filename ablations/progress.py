"""How far the runs of a study are, from files alone: for `ablate status` and the live table."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.own_files import open_own
from ablations.plan import PlannedState
from ablations.store import LOG, RunFolder, run_path


@dataclass(frozen=True)
class Progress:
    """One row of a study; `metrics` are those of the last completed epoch."""

    run_id: str
    point: str
    step: str
    seed: int
    state: PlannedState
    epoch: int
    epochs: int | None
    metrics: Mapping[str, float]
    seconds: float | None
    message: str | None


def progress_of(row: Mapping[str, Any], runs_root: Path) -> Progress:
    """The progress of a row of index.json. Never raises for what a run folder holds."""
    folder = RunFolder(run_path(runs_root, row["run_id"]))
    state, message = folder.health()
    try:
        status = folder.status() or {}
    except ValueError:  # the message above says so
        status = {}
    return Progress(
        run_id=row["run_id"],
        point=row["point"],
        step=row["step"],
        seed=row["seed"],
        state=state,
        epoch=int(status.get("epoch") or 0),
        epochs=status.get("epochs"),
        metrics=status.get("metrics") or {},
        seconds=status.get("seconds"),
        message=message,
    )


def progress(rows: Iterable[Mapping[str, Any]], runs_root: Path) -> tuple[Progress, ...]:
    """The progress of all rows, each run folder read once."""
    found: dict[str, Progress] = {}
    result = []
    for row in rows:
        known = found.setdefault(row["run_id"], progress_of(row, runs_root))
        result.append(
            Progress(
                **{
                    **vars(known),
                    "point": row["point"],
                    "step": row["step"],
                    "seed": row["seed"],
                }
            )
        )
    return tuple(result)


def last_lines(folder: Path, *, count: int = 12) -> str:
    """The end of a run's log."""
    try:
        with os.fdopen(open_own(folder / LOG), "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-count:])


def eta(rows: Iterable[Progress], *, elapsed: float, epochs_before: int) -> float | None:
    """Seconds until all rows are done, at the pace of this session; None before its first epoch."""
    unique = {row.run_id: row for row in rows if row.state != "failed"}.values()
    known = [row.epochs for row in unique if row.epochs]
    if not known:
        return None
    total = sum(row.epochs or known[0] for row in unique)
    epochs = sum(row.epoch for row in unique)
    new = epochs - epochs_before
    return elapsed / new * (total - epochs) if new > 0 else None
