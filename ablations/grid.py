"""Train what a plan lacks: start runs as places get free, watch them, say what became of each."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from ablations.executor import Executor, Finished
from ablations.lock import is_held
from ablations.plan import PlannedRun
from ablations.store import CONFIG, LOCK, RunFolder, State, mark, run_path, write_json_atomic
from ablations.worker import BUSY, GRACE

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
    """The state of one `ablate run`. `watch` is called now and then, to show progress."""

    rows: tuple[PlannedRun, ...]  # one a run id
    runs_root: Path
    executor: Executor
    watch: Callable[[], None] = lambda: None
    on_end: Callable[[PlannedRun], None] = lambda _: None
    stop: StopRequest = field(default_factory=StopRequest)
    _waiting: list[PlannedRun] = field(default_factory=list)
    _running: dict[Path, PlannedRun] = field(default_factory=dict)
    _elsewhere: list[PlannedRun] = field(default_factory=list)
    _stopped: int = 0

    def run(self) -> None:
        """Train all rows that are not done; returns when none is left, or the user stopped it."""
        self._waiting = [row for row in self.rows if self.folder(row).state() != "done"]
        looked = 0.0
        try:
            while self._running or ((self._waiting or self._elsewhere) and not self.stop.count):
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

    def folder(self, row: PlannedRun) -> RunFolder:
        """The folder of a row's run."""
        return RunFolder(run_path(self.runs_root, row.run_id))

    def _start_more(self) -> None:
        while self._waiting and self.executor.free() and not self.stop.count:
            row = self._waiting.pop(0)
            folder = self.folder(row)
            if is_held(folder.path / LOCK):
                self._elsewhere.append(row)
                continue
            if folder.state() == "done":  # by another `ablate run`, since this one began
                self.on_end(row)
                continue
            write_json_atomic(folder.path / CONFIG, row.config)
            self._running[folder.path] = row
            self.executor.start(folder.path)

    def _end(self, ended: Finished) -> None:
        row = self._running.pop(ended.folder)
        if ended.exit_code == BUSY:  # another `ablate run` was faster
            self._elsewhere.append(row)
            return
        if ended.exit_code < 0:
            with contextlib.suppress(OSError):  # the exit code has been seen; a full disk hides it
                mark(ended.folder, *_end_by_signal(-ended.exit_code, stopped=self.stop.count > 0))
        self.on_end(row)

    def _look_elsewhere(self) -> None:
        """Runs that another `ablate run` gave up are ours; those that it ended are over."""
        held = [row for row in self._elsewhere if is_held(self.folder(row).path / LOCK)]
        for row in self._elsewhere:
            if row not in held and self.folder(row).state() in ("new", "interrupted"):
                self._waiting.append(row)
            elif row not in held:
                self.on_end(row)
        self._elsewhere = held

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
