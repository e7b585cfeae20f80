"""Our network and timm's in alternating rounds, and what the readings of all rounds say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from ablations.bench.process import BenchProcess, ratios
from ablations.bench.train.job import MODES, Job, Mode

_ANSWERS = "ablations.bench.train.timing:answers"


@dataclass(frozen=True)
class Reading:
    """What was measured of one network in one mode, a number a round.

    Attributes:
        rate: images a second.
        cpu: CPU seconds an image; on a busy machine it says more than the rate.
        peak: bytes; the most until the end of that round.
    """

    rate: tuple[float, ...]
    cpu: tuple[float, ...]
    peak: tuple[int, ...]


@dataclass(frozen=True)
class Spread:
    """The median over rounds, with the quartiles."""

    middle: float
    low: float
    high: float


Readings = Mapping[Mode, Mapping[str, Reading]]


def measure(
    jobs: Mapping[str, Job], *, rounds: int, folder: Path, say: Callable[[str], None]
) -> Readings:
    """Readings of all jobs: first forward, then training, in another order in every round."""
    with ExitStack() as stack:
        processes: dict[str, BenchProcess] = {}
        for number, (name, job) in enumerate(jobs.items()):
            log = folder / f"{number}.log"
            processes[name] = BenchProcess(_ANSWERS, job, title=name, log=log)
            stack.callback(processes[name].end)
        return {mode: _in_rounds(processes, mode, rounds=rounds, say=say) for mode in MODES}


def _in_rounds(
    processes: Mapping[str, BenchProcess], mode: Mode, *, rounds: int, say: Callable[[str], None]
) -> dict[str, Reading]:
    for process in processes.values():
        process.ask(mode)  # warms up
    answers: dict[str, list[Mapping[str, float]]] = {name: [] for name in processes}
    for number in range(rounds):
        say(f"{mode}, round {number + 1} of {rounds}")
        for name in order(list(processes), number):
            answers[name].append(processes[name].ask(mode))
    return {
        name: Reading(
            rate=tuple(one["images"] / one["seconds"] for one in given),
            cpu=tuple(one["cpu"] / one["images"] for one in given),
            peak=tuple(int(one["peak"]) for one in given),
        )
        for name, given in answers.items()
    }


def order(names: Sequence[str], number: int) -> list[str]:
    """Who goes first alternates, so that a machine that gets slower wrongs nobody."""
    return list(names) if number % 2 == 0 else list(reversed(names))


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles of values."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), low, high)


def speed_ratio(ours: Reading, theirs: Reading) -> Spread:
    """Our images a second over theirs, within each round."""
    return spread(ratios(ours.rate, theirs.rate))


def cpu_ratio(ours: Reading, theirs: Reading) -> Spread:
    """Their CPU time an image over ours: above 1 where ours needs less."""
    return spread(ratios(theirs.cpu, ours.cpu))
