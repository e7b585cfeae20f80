"""Several processes that share what there is to ask; each answer is asked for by one of them."""

import os
import queue
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ablations.extensions.loading import use
from ablations.extensions.packages import use_packages
from ablations.process.server import tethered_server
from ablations.process.tether import end_with_launcher
from ablations.robustness.evaluate.run import Failure, Report, Step, evaluate, take_all
from ablations.robustness.evaluate.work import Asked, Group, prepare

_WAIT = 0.5  # seconds between two looks at the processes


def evaluate_all(groups: Sequence[Group], asked: Asked, *, workers: int, report: Report) -> None:
    """Ask what is missing, in this process or in several; all results are the same.

    Args:
        groups: what `prepare` made of `asked`.
        asked: what was asked.
        workers: processes; 1: this one.
        report: called after each task, in this process.

    Raises:
        ValueError: from a process, such as for data that is not there.
    """
    if workers <= 1:
        for group in groups:
            evaluate(group, asked.config, take=take_all, report=report)
        return
    context = tethered_server([__name__])  # it imports everything once
    size = sum((len(group.tasks) + 1) * len(group.subjects) for group in groups)
    taken, said = context.Array("b", size), context.Queue()
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    processes = [
        context.Process(target=_work, args=(asked, taken, said, threads)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        _follow(processes, said, report)
    finally:
        for process in processes:
            process.terminate()
            process.join()


@dataclass(frozen=True)
class _Share:
    """What is left for a process to take of a group; `first`: the group's place in the table."""

    taken: Any  # an array that processes share: 1 for what one of them asks
    first: int
    networks: int

    def __call__(self, task: int, places: Sequence[int]) -> list[int]:
        row = self.first + (task + 1) * self.networks  # LOADED is -1
        with self.taken.get_lock():
            free = [place for place in places if not self.taken[row + place]]
            for place in free:
                self.taken[row + place] = 1
        return free


def _work(asked: Asked, taken: Any, said: Any, threads: int) -> None:
    """A process: ask what no other one asks."""
    end_with_launcher()
    torch.set_num_threads(threads)
    try:
        use_packages()
        for path in asked.use:
            use(path)
        first = 0
        for group in prepare(asked):
            share = _Share(taken, first, len(group.subjects))
            evaluate(group, asked.config, take=share, report=said.put)
            first += (len(group.tasks) + 1) * len(group.subjects)
    except (ValueError, OSError) as error:
        said.put(str(error))


def _follow(processes: Sequence[Any], said: Any, report: Report) -> None:
    """Report what the processes say, until they have ended."""
    while True:
        alive = any(process.is_alive() for process in processes)
        try:
            heard: Step | str = said.get(timeout=_WAIT)
        except queue.Empty:
            if not alive:
                break
            continue
        if isinstance(heard, str):
            raise ValueError(heard)
        report(heard)
    for process in processes:
        if process.exitcode:
            reason = f"it ended with code {process.exitcode}; the same command asks what is missing"
            report(Step("", 0, (Failure(f"a process of {len(processes)}", None, reason),)))
