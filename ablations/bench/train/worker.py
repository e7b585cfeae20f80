"""The process of one contestant: makes its network, then takes a turn for each line it is sent.

Started as `python -m ablations.bench.train.worker JOB`. A line is a mode, `forward` or `train`; the
first turn of a mode warms up. Answers are lines of JSON.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ablations.bench.contestants import open_answers
from ablations.bench.train.job import Job, Mode, from_text
from ablations.bench.train.memory import forget_peak, peak

if TYPE_CHECKING:
    from ablations.bench.train.steps import Step


@dataclass
class Turns:
    """One mode of a contestant: its step, and how many steps a turn has."""

    job: Job
    step: Step
    steps: int

    def take(self) -> dict[str, Any]:
        """One turn: images, seconds of wall and CPU time, peak memory in bytes since warm-up."""
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(self.steps):
            self.step()
        wait(self.job)
        return {
            "images": self.steps * self.job.batch_size,
            "seconds": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "peak": peak(self.job.setting.device),
        }


def warm_up(job: Job, mode: Mode) -> Turns:
    """Steps until their time is that of all later ones, then as many a turn as its length asks."""
    from ablations.bench.train.steps import make_step

    step = make_step(job, mode)
    for _ in range(5 if job.setting.compiled else 1):
        step()
    wait(job)
    forget_peak(job.setting.device)
    began = time.perf_counter()
    step()
    wait(job)
    return Turns(job, step, math.ceil(job.seconds / (time.perf_counter() - began)))


def wait(job: Job) -> None:
    """Until the GPU has done what it was given."""
    import torch

    if job.setting.device == "cuda":
        torch.cuda.synchronize()


def main(text: str) -> None:
    """Answer once for each line."""
    answers = open_answers()
    job = from_text(text)
    import torch

    torch.set_num_threads(job.threads)
    turns: Turns | None = None
    mode = ""
    for line in sys.stdin:
        if line.strip() != mode:
            mode, turns = line.strip(), None  # the network before it goes first
            turns = warm_up(job, cast("Mode", mode))
        assert turns is not None
        print(json.dumps(turns.take()), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
