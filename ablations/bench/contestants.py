"""Contestants of a benchmark: a process each, asked in turns, answering in lines of JSON.

In turns, so that whatever else the machine does meets all of them; a process each, so that the
memory and the start of one are its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, TextIO

from ablations.process.tether import end_with_parent, tethered


class Contestant:
    """`python -m MODULE ARGUMENTS` as a process that answers each line with a line of JSON.

    Raises:
        ValueError: from `ask` and `answer`: it failed; the message holds the end of what it said.
    """

    def __init__(self, module: str, *arguments: str, title: str, log: Path) -> None:
        self.title, self.log = title, log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=tethered(),
            )

    def ask(self, text: str) -> dict[str, Any]:
        """Send a line and wait for the answer."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and what it said is in the log
            print(text, file=self.process.stdin, flush=True)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Wait for the next line of JSON."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise ValueError(f"{self.title} failed: {' | '.join(said)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def open_answers() -> TextIO:
    """In a contestant's process: where answers go; what libraries print is kept out of them.

    The process ends with the one that asks.
    """
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def ratios(readings: Sequence[float], of: Sequence[float]) -> list[float]:
    """One contestant's number divided by another's, round by round."""
    return [a / b for a, b in zip(readings, of, strict=True)]


def median_ratio(readings: Sequence[float], of: Sequence[float]) -> float:
    """The median over rounds of one contestant's number divided by another's."""
    return median(ratios(readings, of))
