"""Training functions that do what their run's config says, in milliseconds and without torch."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from ablations.planning.plan import PlannedRun
from ablations.planning.run_config import Labels, run_config, to_plain
from ablations.store.lock import hold
from ablations.store.runs import (
    CONFIG,
    LOCK,
    STATUS,
    SUMMARY,
    RunFolder,
    run_path,
    write_json_atomic,
)
from ablations.studies.config import Recipe
from datamodules.catalog.resolved import resolve
from datamodules.config.data import DataConfig
from lit_models import SPECS

STARTS = "starts"  # a line for every time that the run was started


class AskedToStopError(BaseException):
    """What a signal becomes."""


def fake_row(number: int, act: str, *, seed: int = 0) -> PlannedRun:
    """A planned run that will do `act`."""
    config = run_config(SPECS["resnet50"], data=resolve(DataConfig()), recipe=Recipe(), seed=seed)
    labels = Labels(point=f"{number:02d}_{act}", step=act)
    return PlannedRun(f"digits-seed{seed}-{number:012x}", replace(config, labels=labels))


def make_folder(root: Path, row: PlannedRun) -> Path:
    """The row's run folder with its config, as the grid makes it."""
    folder = run_path(root, row.run_id)
    write_json_atomic(folder / CONFIG, to_plain(row.config, row.run_id))
    return folder


def train(folder: Path) -> None:
    """Hold the lock and do what the config says; nothing when the run is over, as the real one."""
    act = RunFolder(folder).config()["labels"]["step"]
    with hold(folder / LOCK):
        if RunFolder(folder).state_in_files() == "done":
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN if act == "ignore_signals" else stop)
        with (folder / STARTS).open("a") as file:
            file.write(f"{os.getpid()}\n")
        try:
            say(folder, "running")
            print(f"now {act}", flush=True)
            ACTS[act](folder)
        except AskedToStopError:
            say(folder, "interrupted")
            raise


def stop(number: int, frame: FrameType | None) -> None:
    """A signal handler."""
    raise AskedToStopError


def say(folder: Path, state: str) -> None:
    """Write a status."""
    status = {"state": state, "epoch": 1, "epochs": 2, "metrics": {"val/top1": 50.0}}
    write_json_atomic(folder / STATUS, {**status, "seconds": 0.1, "message": None})


def finish(folder: Path) -> None:
    """Train to the end."""
    time.sleep(0.05)
    write_json_atomic(folder / SUMMARY, {"test/top1": 50.0})
    say(folder, "done")


def wait_a_moment(folder: Path) -> None:
    """Train to the end, a little longer than the others."""
    time.sleep(0.5)
    finish(folder)


def crash(folder: Path) -> None:
    """Raise, as a bug does."""
    del folder
    raise RuntimeError("a made-up crash\nwith a second line")


def run_out_of_memory(folder: Path) -> None:
    """Die as the kernel lets the largest process die."""
    del folder
    os.kill(os.getpid(), signal.SIGKILL)


def vanish(folder: Path) -> None:
    """End with exit code 0, saying nothing."""
    del folder
    os._exit(0)


def leave_early(folder: Path) -> None:
    """Return before the run is over."""
    del folder


def fill_disk(folder: Path) -> None:
    """Fail as a full disk makes a write fail."""
    raise OSError(28, "No space left on device", str(folder / "checkpoints"))


def wait(folder: Path) -> None:
    """Train until somebody asks to stop."""
    del folder
    time.sleep(60)


def ignore_signals(folder: Path) -> None:
    """Hang where no signal helps; `train` has seen to that."""
    del folder
    time.sleep(60)


ACTS = {
    act.__name__: act
    for act in (
        finish,
        wait_a_moment,
        crash,
        run_out_of_memory,
        vanish,
        leave_early,
        fill_disk,
        wait,
        ignore_signals,
    )
}
