"""How far the runs of a study are, from files alone: for `ablate status` and the live table."""

import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations.files.own_files import open_own
from ablations.planning.plan import PlannedState
from ablations.store.finished import look_at
from ablations.store.heartbeat import SILENCE, file_system_time, last_heard
from ablations.store.runs import ALL_RUNS, LOG, Look, RunFolder, run_path

_IN_TURN = 20  # run folders read at each look besides those of active runs


@dataclass(frozen=True)
class Progress:
    """One row of a study; `metrics` are those of the last completed epoch.

    `quiet` is how many seconds ago the worker of a running run was last heard of.
    """

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
    quiet: float | None = None


def _progress_of(row: Mapping[str, Any], look: Look) -> Progress:
    """The progress of a row of index.json."""
    status = look.status
    return Progress(
        run_id=row["run_id"],
        point=row["point"],
        step=row["step"],
        seed=row["seed"],
        state=look.state,
        epoch=int(status.get("epoch") or 0),
        epochs=status.get("epochs"),
        metrics=status.get("metrics") or {},
        seconds=status.get("seconds"),
        message=look.message,
    )


def progress(rows: Iterable[Mapping[str, Any]], runs_root: Path) -> tuple[Progress, ...]:
    """The progress of all rows, each run folder read once."""
    return Follower(rows, runs_root).rows()


class Follower:
    """The progress of a study's rows, read again only where it can have changed."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], runs_root: Path) -> None:
        self._planned, self._root = list(rows), runs_root
        self._places: dict[str, list[int]] = {}  # of a run among the rows
        for place, row in enumerate(self._planned):
            self._places.setdefault(row["run_id"], []).append(place)
        self._shown: dict[int, Progress] = {}
        self._show(look_at(self._places, runs_root))
        self._active: set[str] = set()
        self._turn = deque(self._unfinished())

    def rows(self) -> tuple[Progress, ...]:
        """All rows, as they were read last."""
        return tuple(self._shown[place] for place in range(len(self._planned)))

    def look(self, active: Iterable[str]) -> tuple[Progress, ...]:
        """All rows, those of active runs and of some others read again.

        The others are runs that were active at the last look, and a few in turn that were not
        finished, which another `ablate run` may have trained.
        """
        now = set(active)
        some = {self._turn.popleft() for _ in range(min(_IN_TURN, len(self._turn)))}
        runs = now | self._active | some
        self._show({run: RunFolder(run_path(self._root, run)).look() for run in runs})
        self._active = now
        if not self._turn:
            self._turn = deque(self._unfinished())
        return self.rows()

    def _unfinished(self) -> list[str]:
        return [
            run for run, places in self._places.items() if self._shown[places[0]].state != "done"
        ]

    def _show(self, looks: Mapping[str, Look]) -> None:
        found = {
            run: _progress_of(self._planned[self._places[run][0]], look)
            for run, look in looks.items()
        }
        if any(row.state == "running" for row in found.values()):
            time = file_system_time(self._root / ALL_RUNS)
            found = {run: _with_silence(row, self._root, time) for run, row in found.items()}
        for run, row in found.items():
            for place in self._places[run]:
                named = {key: self._planned[place][key] for key in ("point", "step", "seed")}
                self._shown[place] = replace(row, **named)


def _with_silence(row: Progress, runs_root: Path, time: float | None) -> Progress:
    """The row with how long its worker has been silent, in words too when that is long."""
    heard = last_heard(run_path(runs_root, row.run_id))
    if row.state != "running" or time is None or heard is None:
        return row
    quiet = max(0.0, round(time - heard, 1))
    if quiet < SILENCE:
        return replace(row, quiet=quiet)
    text = f"nothing heard for {quiet:.0f} s: a long step, or its process hangs"
    return replace(row, quiet=quiet, message=f"{row.message}; {text}" if row.message else text)


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
