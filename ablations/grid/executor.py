"""Where runs are trained. An executor starts runs and reports their exit codes; nothing else.

`LocalExecutor` gives every run a process forked from one server that has imported everything once,
so that a run pays for no import. `InlineExecutor` trains in this process, for tests and debuggers.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from ablations.process.server import tethered_server
from ablations.run.worker import GRACE, Slot, Train, attempt, train_folder, work
from ablations.studies.config import Hardware

PRELOAD = "ablations.grid.forkserver_preload"


@dataclass(frozen=True)
class Finished:
    """A run that is no longer trained; negative exit codes are signals (`ablations.run.worker`)."""

    folder: Path
    exit_code: int


class Executor(Protocol):
    """What the grid needs of a place to train."""

    def free(self) -> int:
        """How many more runs can be started now."""

    def start(self, folder: Path) -> None:
        """Start training the run of a folder whose config.json is written."""

    def finished(self, timeout: float) -> list[Finished]:
        """Runs that ended since the last call; waits up to `timeout` seconds for one."""

    def stop(self, *, kill: bool = False) -> None:
        """Ask all runs to stop (SIGTERM), or end them at once."""

    def close(self) -> None:
        """End what still runs and give everything back."""


class InlineExecutor:
    """Trains each run in this process, at the moment it is started."""

    def __init__(self, train: Train = train_folder) -> None:
        self._train = train
        self._ended: list[Finished] = []

    def free(self) -> int:
        """One run at a time."""
        return 1 - len(self._ended)

    def start(self, folder: Path) -> None:
        """Train the run to its end."""
        self._ended.append(Finished(folder, attempt(folder, self._train)))

    def finished(self, timeout: float) -> list[Finished]:
        """The run that was started last, if any."""
        del timeout
        ended, self._ended = self._ended, []
        return ended

    def stop(self, *, kill: bool = False) -> None:
        """Nothing to do: between two calls nothing runs."""

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True)
class _Job:
    process: ForkServerProcess
    folder: Path
    slot: Slot


class LocalExecutor:
    """One forked process a run, at most one run a slot at a time."""

    def __init__(
        self,
        slots: Sequence[Slot],
        *,
        train: Train = train_folder,
        preload: Sequence[str] = (PRELOAD,),
    ) -> None:
        self._context = fork_server(preload)
        self._slots = list(slots)
        self._jobs: dict[int, _Job] = {}
        self._train = train

    def free(self) -> int:
        """Slots without a run."""
        return len(self._slots)

    def start(self, folder: Path) -> None:
        """Fork a worker for the run."""
        slot = self._slots[0]
        # Not a daemon: a worker has children of its own, the data loader's.
        process = self._context.Process(
            target=work, args=(folder, slot, self._train), name=folder.name, daemon=False
        )
        process.start()
        self._slots.pop(0)
        self._jobs[process.sentinel] = _Job(process, folder, slot)

    def finished(self, timeout: float) -> list[Finished]:
        """Workers that ended, however they ended."""
        ended = []
        for sentinel in wait(list(self._jobs), timeout):
            assert isinstance(sentinel, int)
            job = self._jobs.pop(sentinel)
            job.process.join()
            self._slots.append(job.slot)
            ended.append(Finished(job.folder, job.process.exitcode or 0))
            job.process.close()
        return ended

    def stop(self, *, kill: bool = False) -> None:
        """Signal every worker; a kill reaches its children too."""
        for job in self._jobs.values():
            pid = job.process.pid
            with contextlib.suppress(ProcessLookupError):
                if kill and pid:
                    os.killpg(pid, signal.SIGKILL)
                else:
                    job.process.terminate()

    def close(self) -> None:
        """Stop what still runs, kill it if it does not, and wait for its end."""
        self.stop()
        deadline = time.monotonic() + GRACE
        while self._jobs:
            self.finished(timeout=0.5)
            if time.monotonic() > deadline:
                self.stop(kill=True)


def fork_server(preload: Sequence[str] = (PRELOAD,)) -> "multiprocessing.context.ForkServerContext":
    """The server that workers are forked from; started on first use, imports in the background.

    It ends with this process, even when this one is killed.
    """
    # Asking CUDA for its devices would make it unusable in forked processes; NVML may be asked.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    return tethered_server(preload)


def make_slots(hardware: Hardware, *, gpus: Sequence[str], cores: int) -> tuple[Slot, ...]:
    """The machine cut into shares: one run a GPU (or a group of `devices`), or one a core.

    `gpus` are the ids that CUDA_VISIBLE_DEVICES understands, none to train on the CPU.
    """
    devices = hardware.devices
    groups = [",".join(gpus[i : i + devices]) for i in range(0, len(gpus), devices)]
    groups = [group for group in groups if group.count(",") == devices - 1]
    usual = len(groups) * hardware.runs_per_gpu if groups else max(1, cores // devices)
    workers = hardware.workers or usual
    threads = hardware.threads or max(1, cores // (workers * devices))
    if not groups:
        return (Slot(threads),) * workers
    # Neighbouring slots on different GPUs: a half-full grid still uses all of them.
    return tuple(
        Slot(threads, {"CUDA_VISIBLE_DEVICES": groups[number % len(groups)]})
        for number in range(workers)
    )


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
