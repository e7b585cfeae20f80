"""status.json: what a run's worker says about itself."""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ablations.store.provenance import now
from ablations.store.runs import STATUS, RunFolder, State, write_json_atomic

Row = Mapping[str, float]  # one row of metrics.csv


class StatusFile:
    """Writes the status of a run that this process trains.

    `started` and `seconds` count from the run's first session. `rows` are its completed epochs.
    """

    def __init__(self, run: RunFolder, *, epochs: int) -> None:
        self.rows: Sequence[Row] = ()
        self.note: str | None = None  # the message while there is no other
        self._path, self._epochs = run.path / STATUS, epochs
        self._started, self._before = _earlier(run)
        self._origin = time.monotonic()

    def write(self, state: State, message: str | None = None) -> None:
        """Replace the file."""
        last = self.rows[-1] if self.rows else {}
        status = {
            "state": state,
            "epoch": len(self.rows),
            "epochs": self._epochs,
            "metrics": {name: value for name, value in last.items() if "/" in name},
            "message": message or self.note,
            "started": self._started,
            "updated": now(),
            "seconds": round(self._before + time.monotonic() - self._origin, 3),
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        write_json_atomic(self._path, status)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path


def _earlier(run: RunFolder) -> tuple[str, float]:
    try:
        status = run.status() or {}
    except ValueError:  # damaged: about to be replaced
        status = {}
    return status.get("started", now()), float(status.get("seconds", 0.0))
