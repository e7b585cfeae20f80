"""The body of a worker process: one run, cut off from the terminal, its output in the run's log."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import parent_process
from pathlib import Path

from ablations.files.own_files import open_own, read_own
from ablations.process.disk import is_full
from ablations.process.output import flush_or_lose
from ablations.process.tether import tethered
from ablations.store.lock import BusyError
from ablations.store.runs import LOG, STATUS, RunFolder, mark

Train = Callable[[Path], None]

# Exit codes of a worker.
DONE, FAILED, INTERRUPTED, FULL, BUSY = 0, 3, 4, 5, 75  # FULL: a disk is
GRACE = 10.0  # seconds between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Slot:
    """A share of the machine for one run at a time."""

    threads: int
    variables: Mapping[str, str] = field(default_factory=dict)  # such as CUDA_VISIBLE_DEVICES


def work(folder: Path, slot: Slot, train: Train) -> None:
    """Train one run in this process, which ends with one of the exit codes above."""
    # Its own process group: Ctrl-C reaches the launcher alone, and a kill reaches all descendants.
    os.setpgid(0, 0)
    problem = _redirect(folder / LOG)
    threading.Thread(target=_follow_launcher, daemon=True).start()
    os.environ.update(slot.variables)
    os.environ["OMP_NUM_THREADS"] = str(slot.threads)
    if "torch" in sys.modules:  # it read the variable when it was imported, before the fork
        sys.modules["torch"].set_num_threads(slot.threads)
    code = attempt(folder, train if problem is None else _refusal(problem))
    for stream in (sys.stdout, sys.stderr):  # what is left of it must not change the exit code
        flush_or_lose(stream)
    sys.exit(code)


def attempt(folder: Path, train: Train) -> int:
    """Call `train`; an exit code for what became of the run, and a status that says why."""
    before = _said(folder)
    try:
        train(folder)
    except BusyError as error:
        print(error, flush=True)
        return BUSY
    except BaseException as error:  # also SystemExit and signals turned into exceptions
        with suppress(OSError):  # the log's disk may be what is full
            traceback.print_exc()
        _settle(folder, error, before)
        if is_full(error):
            return FULL
    state = RunFolder(folder).state_in_files()
    if state == "running":
        mark(folder, "failed", "training returned before the run was over")
    return {"done": DONE, "interrupted": INTERRUPTED}.get(state, FAILED)


def train_folder(folder: Path) -> None:
    """Train a run from its config.json, in this process or, on several devices, in one each."""
    if RunFolder(folder).config()["hardware"]["devices"] > 1:
        _train_in_command(folder)
        return
    from ablations.run.train import train_run

    train_run(folder)


def _train_in_command(folder: Path) -> None:
    """Lightning starts other ranks by repeating the command line, so the run needs one."""
    command = [sys.executable, "-m", "ablations", "exec-run", str(folder)]
    process = subprocess.Popen(command, env=tethered())
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    if code == BUSY:
        raise BusyError(f"{folder} is trained by another process")
    if code == FULL:
        raise OSError(errno.ENOSPC, "no space left while training", str(folder))
    if code not in (DONE, FAILED, INTERRUPTED):
        raise RuntimeError(f"the training command ended with exit code {code}")


def _refusal(problem: OSError) -> Train:
    def refuse(folder: Path) -> None:
        del folder
        raise problem

    return refuse


def _said(folder: Path) -> bytes:
    """What the status says now; it holds the time to the millisecond, so no two are equal."""
    try:
        return read_own(folder / STATUS)
    except OSError:
        return b""


def _settle(folder: Path, error: BaseException, before: bytes) -> None:
    """Write the reason into the status, unless the training code did: it says other than before."""
    if _said(folder) != before and RunFolder(folder).state_in_files() != "running":
        return
    lines = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
    try:
        mark(folder, "failed", reason)
    except OSError:
        with suppress(OSError):  # nothing can be written here; the exit code still says it
            traceback.print_exc()


def _redirect(log: Path) -> OSError | None:
    """Send everything that this process and its children print to the run's log, or nowhere.

    What kept it from the log, if anything.
    """
    problem = None
    try:
        handle = open_own(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError as error:
        problem, handle = error, os.open(os.devnull, os.O_WRONLY)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    with suppress(OSError):
        print(f"--- {datetime.now():%Y-%m-%d %H:%M:%S} process {os.getpid()}", flush=True)
    return problem


def _follow_launcher() -> None:
    """Stop when the launcher dies: nobody would be left to stop this process."""
    launcher = parent_process()
    if launcher is None:
        return
    launcher.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)
