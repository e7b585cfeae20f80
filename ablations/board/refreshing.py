"""TensorBoard's folder of a study, kept up to date while its runs train."""

import sys
import time
from pathlib import Path

from ablations.planning.plan import PlannedRun

# TensorBoard's folder is renewed when its last renewal, or the guess of the first, is so many times
# its length ago.
_SHARE, _SECONDS_A_ROW, _SHORT = 20, 0.002, 2.0


class BoardRefresher:
    """Keeps the study's TensorBoard folder up to date as runs end, in a twentieth of the time.

    It takes as long as the study is large, and meanwhile the grid starts nothing.
    """

    def __init__(self, study: str, root: Path, *, rows: int) -> None:
        self._study, self._root, self._stale = study, root, False
        self._cost = _SECONDS_A_ROW * rows
        self._next = time.monotonic() + _SHARE * self._cost

    def __call__(self, _row: PlannedRun) -> None:
        """A run has ended."""
        self._stale = True
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

            if self._stale:
                refresh(self._study, runs_root=self._root)
        except Exception as error:
            # Only a view of the results: `ablate board` makes it again, and the grid goes on.
            print(f"TensorBoard's folder was not renewed: {error}", file=sys.stderr)
        now = time.monotonic()
        self._stale, self._cost = False, now - began
        self._next = now + _SHARE * self._cost
