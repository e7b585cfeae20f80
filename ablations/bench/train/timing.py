"""In the process of one network: some steps for each request, a mode, `forward` or `train`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ablations.bench.process import Answer
from ablations.bench.train.job import Job, Mode, from_text

if TYPE_CHECKING:
    from ablations.bench.train.steps import Step


@dataclass
class TimedSteps:
    """A network in one mode: its step, and how many of them are timed together."""

    job: Job
    step: Step
    steps: int

    def measure(self) -> Answer:
        """Images, seconds of wall and CPU time, peak memory in bytes since warm-up."""
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


def answers(text: str, requests: Iterator[str]) -> Iterator[Answer]:
    """One measurement a request; the first of a mode comes after warming up."""
    job = from_text(text)
    import torch

    torch.set_num_threads(job.threads)
    timed: TimedSteps | None = None
    mode = ""
    for request in requests:
        if request != mode:
            mode, timed = request, None  # the network before it goes first
            timed = warm_up(job, cast("Mode", mode))
        assert timed is not None
        yield timed.measure()


def warm_up(job: Job, mode: Mode) -> TimedSteps:
    """Steps until their time is that of all later ones, then as many as the job's seconds take."""
    from ablations.bench.train.steps import make_step

    step = make_step(job, mode)
    for _ in range(5 if job.setting.compiled else 1):
        step()
    wait(job)
    forget_peak(job.setting.device)
    began = time.perf_counter()
    step()
    wait(job)
    return TimedSteps(job, step, math.ceil(job.seconds / (time.perf_counter() - began)))


def wait(job: Job) -> None:
    """Until the GPU has done what it was given."""
    import torch

    if job.setting.device == "cuda":
        torch.cuda.synchronize()


def forget_peak(device: str) -> None:
    """Start anew from what is in use now."""
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError):  # some containers refuse; the largest so far then stays
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: str) -> int:
    """Bytes: of tensors on the GPU, or of the whole process where it runs on the CPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])
