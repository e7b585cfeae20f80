"""Which runs of a study were touched since the last look, from what the file system says."""

from pathlib import Path

from ablations.compare.records import StudyRecord
from ablations.store.finished import stamp
from ablations.store.index_file import rows_of
from ablations.store.runs import INDEX, METRICS, STATUS, SUMMARY, run_path, study_path

EVENTS = "tensorboard"  # of a run
_FILES = (STATUS, SUMMARY, METRICS, EVENTS)


class Changes:
    """Remembers what was looked at last."""

    def __init__(self, study: str, runs_root: Path) -> None:
        self._study, self._root = study, runs_root
        self._index: str | None = None
        self._stamps: dict[str, str] = {}  # by run
        self._running: set[str] = set()

    def look(self) -> set[str] | None:
        """Ids of the runs that can have changed; None: all, as at first and with another index."""
        before, index = self._stamps, stamp(study_path(self._root, self._study), (INDEX,))
        known = index == self._index
        runs = before if known else {row["run_id"] for row in rows_of(self._study, self._root)}
        self._stamps = {run: stamp(run_path(self._root, run), _FILES) for run in runs}
        self._index = index
        if not known:
            return None
        # one that dies without a word touches nothing
        return self._running | {run for run in runs if self._stamps[run] != before[run]}

    def forget(self) -> None:
        """What was looked at could not be shown: all of it comes again."""
        self._index = None

    def shown(self, study: StudyRecord, runs: set[str] | None) -> None:
        """What was read after a look that gave `runs`."""
        read = {run.run_id for run in study.runs} if runs is None else runs
        self._running -= read
        self._running |= {run.run_id for run in study.runs if run.state == "running"}
