"""Corruptions of the same images by each contestant, request by request in turns."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from ablations.bench.corruptions.job import LEVELS, Job, Request
from ablations.bench.process import BenchProcess, median_ratio
from datamodules.corruptions.kinds.named import NAMED
from datamodules.corruptions.names import CORRUPTIONS, EXTRA
from datamodules.corruptions.severities import severity, table_of

OURS, LIBRARY = "ours", "library"
_ANSWERS = "ablations.bench.corruptions.contestants"


@dataclass
class Readings:
    """What was measured at one side.

    Attributes:
        side: of the images in pixels.
        images: how many.
        first: contestant -> CPU seconds for one image under all fifteen, the first time.
        ms: contestant -> (corruption, severity) -> CPU milliseconds an image, a number a round.
    """

    side: int
    images: int
    first: dict[str, float] = field(default_factory=dict)
    ms: dict[str, dict[Request, list[float]]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The corruptions that were measured, in the benchmark's order."""
        asked = {request.name for request in self.ms[OURS]}
        return [name for name in (*CORRUPTIONS, *EXTRA) if name in asked]

    def of(self, who: str, names: Sequence[str], level: int | None = None) -> list[float]:
        """Milliseconds an image, summed over corruptions, the mean over severities, by round."""
        levels = LEVELS if level is None else (level,)
        rows = [
            values
            for request, values in self.ms[who].items()
            if request.name in names and request.level in levels
        ]
        return [sum(column) / len(levels) for column in zip(*rows, strict=True)]

    def middle(self, who: str, names: Sequence[str], level: int | None = None) -> float:
        """The median of that over rounds."""
        return median(self.of(who, names, level))

    def ratio(self, names: Sequence[str]) -> float:
        """The library's time over ours, the median of the ratios within a round."""
        return median_ratio(self.of(LIBRARY, names), self.of(OURS, names))


def measure(
    images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    *,
    who: Sequence[str],
    rounds: int,
    folder: Path,
    say: Callable[[str], None],
) -> Readings:
    """Readings of all contestants; in every round the requests come in another order.

    Args:
        images: (N, S, S, 3).
        who: of `OURS` and `LIBRARY`.
        rounds: how often everything is asked.
        folder: for the images and what processes say.
        say: told what is going on.

    Raises:
        ValueError: a contestant failed; the message holds the end of what it said.
    """
    side = images.shape[1]
    file = folder / f"{side}.npy"
    np.save(file, images)
    readings = Readings(side, len(images))
    requests = possible(side)
    with ExitStack() as stack:
        processes: dict[str, BenchProcess] = {}
        for name in who:
            log = folder / f"{name}-{side}.log"
            process = BenchProcess(f"{_ANSWERS}:{name}", Job(str(file)), title=name, log=log)
            stack.callback(process.end)
            processes[name] = process
            readings.first[name] = process.answer()["first_s"]
            readings.ms[name] = {request: [] for request in requests}
        for number in range(rounds):
            say(f"{side} px: round {number + 1} of {rounds}")
            order = random.Random(number).sample(requests, len(requests))
            for request in order:
                for name, process in processes.items():
                    readings.ms[name][request].append(process.ask(request.text())["ms"])
    return readings


def possible(side: int) -> list[Request]:
    """All corruptions at the measured severities; spatter only where OpenCV is there."""
    table = table_of(side)
    made = [
        name
        for name in (*CORRUPTIONS, *EXTRA)
        if all(NAMED[name].refusal(severity(name, at, table=table)) is None for at in LEVELS)
    ]
    return [Request(name, level) for name in made for level in LEVELS]
