"""Benchmark subprocesses that answer lines of text with lines of JSON.

What is compared runs in a process each, so that memory and start-up are its own. Rounds alternate
between the processes, so that whatever else the machine does meets all of them.

A process runs `python -m ablations.bench.process MODULE:FUNCTION JOB`. The function takes the job,
a line of JSON, and the requests, and yields one answer for each request; what it yields before it
takes the first one is awaited with `answer`.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import Field, asdict
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Protocol, TextIO

from ablations.process.tether import end_with_parent, tethered

Answer = dict[str, Any]
Answers = Callable[[str, Iterator[str]], Iterable[Answer]]


class Job(Protocol):
    """Any dataclass of plain data."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


class BenchProcess:
    """A process that measures one thing.

    Raises:
        ValueError: from `ask` and `answer`: it failed; the message holds the end of what it said.
    """

    def __init__(self, function: str, job: Job, *, title: str, log: Path) -> None:
        self.title, self.log = title, log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__, function, to_text(job)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=tethered(),
            )

    def ask(self, request: str) -> Answer:
        """Send a line and wait for the answer."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and what it said is in the log
            print(request, file=self.process.stdin, flush=True)
        return self.answer()

    def answer(self) -> Answer:
        """Wait for the next line of JSON."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise ValueError(f"{self.title} failed: {' | '.join(said)}")
        answer: Answer = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def to_text(job: Job) -> str:
    """A job as one line of JSON."""
    return json.dumps(asdict(job))


def main(function: str, job: str) -> None:
    """In the process: answer until the one that asks has gone."""
    answers_to = _open_answers()
    module, _, name = function.partition(":")
    answers: Answers = getattr(importlib.import_module(module), name)
    for answer in answers(job, (line.strip() for line in sys.stdin)):
        print(json.dumps(answer), file=answers_to, flush=True)


def _open_answers() -> TextIO:
    """Where answers go; what libraries print is kept out of them."""
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def ratios(readings: Sequence[float], of: Sequence[float]) -> list[float]:
    """One process's number divided by another's, round by round."""
    return [a / b for a, b in zip(readings, of, strict=True)]


def median_ratio(readings: Sequence[float], of: Sequence[float]) -> float:
    """The median over rounds of one process's number divided by another's."""
    return median(ratios(readings, of))


if __name__ == "__main__":
    main(*sys.argv[1:])
