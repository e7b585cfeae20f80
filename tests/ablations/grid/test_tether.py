"""No process outlives the one that started it, and closed outputs end nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.process.output import lasting
from ablations.run.worker import FAILED, attempt
from ablations.store.runs import STATUS, RunFolder
from tests.support.fake_runs import fake_row, make_folder, say
from tests.support.project import PROJECT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT)}
CHILD = (
    "from ablations.process.tether import end_with_parent; import time; end_with_parent(); "
    "print(1, flush=True); time.sleep(60)"
)
PARENT = f"""
import subprocess, sys, time
from ablations.process.tether import tethered
p = subprocess.Popen([sys.executable, "-c", {CHILD!r}], env=tethered())
print(p.pid, flush=True)
time.sleep(60)
"""


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=ENVIRONMENT, cwd=PROJECT, capture_output=True, text=True, check=False
    )


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, f"{[p for p in pids if is_alive(p)]} are alive"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("code", [["-m", "tests.support.checking_process"], ["-c", PARENT]])
def test_children_end_with_their_parent(number: signal.Signals, code: list[str]) -> None:
    command = [sys.executable, *code]
    parent = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=ENVIRONMENT
    )
    assert parent.stdout is not None
    lines = [parent.stdout.readline()]
    if "-c" in code:
        lines.append(parent.stdout.readline())  # of the child, which has asked by now
    children = [int(text) for text in " ".join(lines).split() if text != "1"]
    assert all(map(is_alive, children))
    parent.send_signal(number)
    assert parent.wait(timeout=10) == -number
    parent.stdout.close()
    wait_until_gone(children)


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    environment = {**ENVIRONMENT, "ABLATE_PARENT": "1"}
    child = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, timeout=20, check=False, capture_output=True
    )
    assert (child.returncode, child.stdout) == (-signal.SIGKILL, b"")


def test_a_process_that_nobody_tied_goes_on() -> None:
    code = "from ablations.process.tether import end_with_parent; end_with_parent(); print('here')"
    child = subprocess.check_output([sys.executable, "-c", code], env=ENVIRONMENT)
    assert child == b"here\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "> /dev/full"])
@pytest.mark.parametrize("verb", ["list", "status no_study"])
def test_closed_outputs_are_no_traceback(verb: str, closed: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m ablations {verb} --runs {tmp_path} {closed}"
    done = run(["sh", "-c", command])
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr
    lost = closed == "> /dev/full" and "no_study" not in verb
    assert done.returncode == (2 if lost or "no_study" in verb else 0)


def broken_pipe() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def full_disk() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


@pytest.mark.parametrize(
    ("spoil", "words"), [(broken_pipe, "Broken pipe"), (full_disk, "No space left")]
)
def test_what_is_printed_gets_lost_and_the_block_goes_on(
    spoil: Callable[[], None], words: str
) -> None:
    code = (
        f"from tests.ablations.grid.test_tether import {spoil.__name__}\n"
        "from ablations.process.output import lasting\n"
        f"from rich.console import Console; import sys; {spoil.__name__}()\n"
        "with lasting():\n"
        "    for _ in range(3): print('x', flush=True); Console().print('y')\n"
        "    print('reached', file=sys.stderr)"
    )
    done = run([sys.executable, "-c", code])
    told, reached = done.stderr.splitlines()
    assert (done.returncode, reached) == (0, "reached")
    assert f"standard output cannot be written any more ({words}" in told


def test_what_is_printed_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    with lasting():
        print("text")
    assert capsys.readouterr().out == "text\n"


def test_no_clock_is_compared_with_the_file_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path, fake_row(1, "finish"))
    monkeypatch.setattr(time, "time", lambda: 4e9)  # a clock that is years ahead

    def stop(path: Path) -> None:
        say(path, "interrupted")
        raise KeyboardInterrupt

    attempt(folder, stop)
    assert RunFolder(folder).state() == "interrupted"
    os.utime(folder / STATUS, (5e9, 5e9))  # and files from the future

    def fail(path: Path) -> None:
        raise ValueError(f"{path.name} is wrong")

    assert attempt(folder, fail) == FAILED
    assert "is wrong" in str(RunFolder(folder).message())
