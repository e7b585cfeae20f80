"""Train what a plan lacks: start runs as places get free, watch them, say what became of each."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from ablations.extensions.copies import keep
from ablations.grid.executor import Executor, Finished
from ablations.planning.plan import PlannedRun
from ablations.planning.run_config import to_plain
from ablations.process.disk import disk_is_full, is_full
from ablations.run.worker import BUSY, FULL, GRACE
from ablations.store.lock import BusyError, hold
from ablations.store.runs import CONFIG, LOCK, RunFolder, State, mark, run_path, write_json_atomic

_TICK = 0.2  # seconds between two looks at the workers
_LOOK = 1.0  # seconds between two looks at runs that another `ablate run` trains
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class StopRequest:
    """How often the user asked to stop: once is polite, twice is at once."""

    count: int = 0
    since: float = 0.0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal handler."""
        del number, frame
        self.count += 1
        self.since = self.since or time.monotonic()


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Count SIGINT, SIGTERM and SIGHUP in the block instead of dying of them."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop.handle) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Grid:
    """The state of one `ablate run`. `watch` is called now and then, to show progress.

    Attributes:
        halted: why no more runs are started, such as a full disk.
        reasons: why a run failed that could not say so in its folder, by run id.
    """

    rows: tuple[PlannedRun, ...]  # one a run id
    runs_root: Path
    executor: Executor
    watch: Callable[[], None] = lambda: None
    on_end: Callable[[PlannedRun], None] = lambda _: None
    stop: StopRequest = field(default_factory=StopRequest)
    halted: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    _waiting: list[PlannedRun] = field(default_factory=list)
    _running: dict[Path, PlannedRun] = field(default_factory=dict)
    _elsewhere: list[PlannedRun] = field(default_factory=list)
    _silent: set[str] = field(default_factory=set)  # of those, whose workers were dead at a look
    _stopped: int = 0

    def run(self) -> None:
        """Train all rows that are not done; returns when none is left, or the user stopped it."""
        self._waiting = [row for row in self.rows if self.folder(row).state() != "done"]
        looked = 0.0
        try:
            while self._running or ((self._waiting or self._elsewhere) and self._goes_on()):
                self._start_more()
                for ended in self.executor.finished(_TICK):
                    self._end(ended)
                if self._elsewhere and not self._running and not self._waiting:
                    time.sleep(_TICK)  # only runs of another `ablate run` are left
                if time.monotonic() - looked > _LOOK:
                    looked = time.monotonic()
                    self._look_elsewhere()
                self._pass_on_stop()
                self.watch()
        finally:
            self.executor.close()
            self._mark_reasons()

    def active(self) -> set[str]:
        """Ids of the runs that may change by themselves now."""
        return {row.run_id for row in (*self._running.values(), *self._elsewhere)}

    def folder(self, row: PlannedRun) -> RunFolder:
        """The folder of a row's run."""
        return RunFolder(run_path(self.runs_root, row.run_id))

    def _start_more(self) -> None:
        while self._waiting and self.executor.free() and self._goes_on():
            row = self._waiting.pop(0)
            state = self.folder(row).state()
            if state == "running":
                self._elsewhere.append(row)
            elif state == "done":  # by another `ablate run`, since this one began
                self.on_end(row)
            else:
                self._start(row)

    def _goes_on(self) -> bool:
        return not self.stop.count and self.halted is None

    def _start(self, row: PlannedRun) -> None:
        path = self.folder(row).path
        try:
            keep(path, row.config.extensions)
            write_json_atomic(path / CONFIG, to_plain(row.config, row.run_id))
            self.executor.start(path)
        except OSError as error:
            self._cannot_start(row, error)
        else:
            self._running[path] = row

    def _cannot_start(self, row: PlannedRun, error: OSError) -> None:
        """A full disk is the end for all runs, anything else for this one."""
        path = self.folder(row).path
        if is_full(error):
            self.halted = disk_is_full(path)
        else:
            self.reasons[row.run_id] = f"it could not be started: {error.strerror}: {path}"
        self.on_end(row)

    def _end(self, ended: Finished) -> None:
        row = self._running.pop(ended.folder)
        if ended.exit_code == BUSY:  # another `ablate run` was faster
            self._elsewhere.append(row)
            return
        if ended.exit_code == FULL:
            self.halted = self.reasons[row.run_id] = disk_is_full(ended.folder)
        if ended.exit_code < 0:
            state, message = _end_by_signal(-ended.exit_code, stopped=self.stop.count > 0)
            if not self._mark(row, state, message):
                return
        self.on_end(row)

    def _mark(self, row: PlannedRun, state: State, message: str) -> bool:
        """Say what became of a run; False when another `ablate run` has taken it over already."""
        folder = self.folder(row)
        try:
            with hold(folder.path / LOCK):
                if folder.state_in_files() != "done":
                    mark(folder.path, state, message)
        except BusyError:
            self._elsewhere.append(row)
            return False
        except OSError:  # a full disk, for example
            self.reasons[row.run_id] = message
        return True

    def _mark_reasons(self) -> None:
        """Try again to say what could not be said."""
        for row in self.rows:
            if row.run_id not in self.reasons:
                continue
            if self.folder(row).state_in_files() in ("new", "running"):
                self._mark(row, "failed", self.reasons[row.run_id])

    def _look_elsewhere(self) -> None:
        """Runs that another `ablate run` gave up are ours; those that it ended are over."""
        rows, self._elsewhere = self._elsewhere, []
        before, self._silent = self._silent, set()
        for row in rows:
            state = self.folder(row).state()
            died = state == "failed" and self.folder(row).state_in_files() == "running"
            if state in ("new", "interrupted") or (died and row.run_id in before):
                self._waiting.append(row)
            elif state == "running" or died:
                self._elsewhere.append(row)
                # Its launcher may be about to say why it died: it has until the next look.
                self._silent.update({row.run_id} if died else ())
            else:
                self.on_end(row)

    def _pass_on_stop(self) -> None:
        late = self.stop.count and time.monotonic() - self.stop.since > GRACE
        wanted = 2 if late else min(self.stop.count, 2)
        if wanted > self._stopped:
            self._stopped = wanted
            self.executor.stop(kill=wanted == 2)


def _end_by_signal(number: int, *, stopped: bool) -> tuple[State, str]:
    name = signal.Signals(number).name
    if stopped:
        return "interrupted", f"ended by {name} while stopping"
    hint = ", which the kernel sends when memory runs out" if name == "SIGKILL" else ""
    return "failed", f"the worker was ended by {name}{hint}"
