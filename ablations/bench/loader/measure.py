"""Loaders, each started by itself, then asked for epochs in rounds; CPU time of process trees."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ablations.bench.loader.job import Job
from ablations.bench.loader.loaders import Loader
from ablations.bench.process import BenchProcess

_ANSWERS = "ablations.bench.loader.epochs:answers"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Reading:
    """What was measured of one loader.

    Attributes:
        first: seconds from process start to the first batch.
        memory: MB of its processes after the first epoch, shared pages counted once.
        cpu: CPU milliseconds an image, a number a round.
        rate: images a second, a number a round.
    """

    first: float
    memory: float = 0.0
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)


class LoaderProcess:
    """A loader in its process.

    Raises:
        ValueError: it failed; the message holds the end of what it printed.
    """

    def __init__(self, loader: Loader, job: Job, log: Path) -> None:
        began = time.monotonic()
        self.process = BenchProcess(_ANSWERS, job, title=loader.title, log=log)
        self.process.answer()
        self.reading = Reading(time.monotonic() - began)
        self.process.answer()
        self.reading.memory = sum(map(_memory, _tree(self._pid))) / 1e6

    @property
    def _pid(self) -> int:
        return self.process.process.pid

    def run_epoch(self) -> None:
        """Run one epoch and keep its numbers."""
        before = self._helpers()
        answer = self.process.ask("epoch")
        cpu = answer["cpu"] + self._helpers() - before
        self.reading.cpu.append(1000 * cpu / answer["images"])
        self.reading.rate.append(answer["images"] / answer["seconds"])

    def _helpers(self) -> float:
        """CPU seconds of the process's children, which it cannot see itself."""
        return sum(map(_cpu, _tree(self._pid)[1:]))


def measure(
    loaders: Mapping[str, Loader],
    make_job: Callable[[str], Job],
    *,
    rounds: int,
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Reading]:
    """Readings of all loaders, asked in another order in every round."""
    with ExitStack() as stack:
        started: dict[str, LoaderProcess] = {}
        for number, (name, loader) in enumerate(loaders.items()):
            say(f"starting {loader.title}")
            started[name] = LoaderProcess(loader, make_job(name), folder / f"{number}.log")
            stack.callback(started[name].process.end)
        order = list(started.values())
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            random.Random(number).shuffle(order)
            for process in order:
                process.run_epoch()
        return {name: process.reading for name, process in started.items()}


def _tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found.extend(map(int, task.read_text().split()))
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(1024.0 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
