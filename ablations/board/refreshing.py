"""TensorBoard's folder of a study, kept up to date while its runs train."""

import sys
import time
from pathlib import Path

from ablations.planning.plan import PlannedRun

# TensorBoard's folder is renewed when its last renewal, or the guess of the first, is so many times
# its length ago.
_SHARE, _SHORT = 20, 2.0
_SECONDS_A_RUN, _SECONDS_A_ROW = 0.002, 0.00005  # of a run that is read, of a row of the index
_FEW = 1000  # rows of a study that is renewed as a whole


class BoardRefresher:
    """Keeps the study's TensorBoard folder up to date as runs end, in a twentieth of the time.

    Meanwhile the grid starts nothing. In a study of many rows only the points are renewed that have
    a run that ended; `ablate board` renews the others.
    """

    def __init__(self, study: str, root: Path, *, rows: int) -> None:
        self._study, self._root, self._whole = study, root, rows <= _FEW
        self._ended: set[str] = set()  # since the last renewal
        self._cost = (_SECONDS_A_RUN if self._whole else _SECONDS_A_ROW) * rows
        self._next = time.monotonic() + _SHARE * self._cost

    def __call__(self, row: PlannedRun) -> None:
        """A run has ended."""
        self._ended.add(row.run_id)
        if time.monotonic() >= self._next:
            self._renew()

    def finish(self) -> None:
        """The grid is over: a large study after a short grid is left to `ablate board`."""
        if self._cost < _SHORT or time.monotonic() >= self._next:
            self._renew()

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            from ablations.board.server import refresh

            if self._ended:
                runs = None if self._whole else frozenset(self._ended)
                refresh(self._study, runs_root=self._root, runs=runs)
        except Exception as error:
            # Only a view of the results: `ablate board` makes it again, and the grid goes on.
            print(f"TensorBoard's folder was not renewed: {error}", file=sys.stderr)
        now = time.monotonic()
        self._ended.clear()
        self._cost = now - began
        self._next = now + _SHARE * self._cost
