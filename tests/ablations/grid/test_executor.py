"""How the machine is cut into places for runs, and what a worker process is given."""

import os
import time
from pathlib import Path

import pytest

from ablations.grid.executor import Finished, LocalExecutor, cores, make_slots
from ablations.run.worker import BUSY, DONE, FAILED, Slot, attempt
from ablations.store.lock import BusyError
from ablations.studies.config import Hardware
from tests.support.fake_runs import fake_row, finish, make_folder


@pytest.mark.parametrize(
    ("hardware", "gpus", "devices", "threads"),
    [
        (Hardware(), (), [None] * 8, 1),
        (Hardware(workers=3), (), [None] * 3, 2),
        (Hardware(workers=2, threads=1), (), [None] * 2, 1),
        (Hardware(devices=4), (), [None] * 2, 1),
        (Hardware(), ("0", "1"), ["0", "1"], 4),
        (Hardware(runs_per_gpu=2), ("0", "1"), ["0", "1", "0", "1"], 2),
        (Hardware(workers=3), ("0", "1"), ["0", "1", "0"], 2),
        (Hardware(devices=2), ("3", "5", "6", "7"), ["3,5", "6,7"], 2),
        (Hardware(devices=2), ("0", "1", "2"), ["0,1"], 4),
        (Hardware(workers=1), ("GPU-a",), ["GPU-a"], 8),
    ],
)
def test_slots(
    hardware: Hardware, gpus: tuple[str, ...], devices: list[str | None], threads: int
) -> None:
    slots = make_slots(hardware, gpus=gpus, cores=8)

    assert [slot.variables.get("CUDA_VISIBLE_DEVICES") for slot in slots] == devices
    assert {slot.threads for slot in slots} == {threads}


def test_only_the_cores_of_this_process_count() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def report_surroundings(folder: Path) -> None:
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
    told = {name: os.environ.get(name, "") for name in names}
    (folder / "told").write_text(f"{told} group {os.getpgid(0) == os.getpid()}")
    print("to the log", flush=True)
    finish(folder)


def end_of(executor: LocalExecutor) -> Finished:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for ended in executor.finished(0.5):
            return ended
    pytest.fail("the run did not end")


def test_a_worker_has_its_slots_share_and_its_own_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = make_folder(tmp_path, fake_row(1, "finish"))
    slot = Slot(3, {"CUDA_VISIBLE_DEVICES": "7"})
    executor = LocalExecutor([slot], train=report_surroundings, preload=())
    assert executor.free() == 1
    executor.start(folder)
    assert executor.free() == 0

    assert end_of(executor) == Finished(folder, DONE)
    assert executor.free() == 1
    told = {"CUDA_VISIBLE_DEVICES": "7", "OMP_NUM_THREADS": "3"}
    assert (folder / "told").read_text() == f"{told} group True"
    assert "to the log" in (folder / "log.txt").read_text()
    assert "to the log" not in capfd.readouterr().out
    assert os.environ.get("CUDA_VISIBLE_DEVICES") != "7"


def raise_busy(folder: Path) -> None:
    raise BusyError(f"{folder} is taken")


def exit_quietly(folder: Path) -> None:
    del folder
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("train", "code", "state"),
    [(finish, DONE, "done"), (raise_busy, BUSY, "new"), (exit_quietly, FAILED, "failed")],
)
def test_exit_codes(tmp_path: Path, train: object, code: int, state: str) -> None:
    from ablations.store.runs import RunFolder

    folder = make_folder(tmp_path, fake_row(1, "finish"))

    assert callable(train)
    assert attempt(folder, train) == code
    assert RunFolder(folder).state() == state


def test_a_reason_that_the_training_code_wrote_is_kept(tmp_path: Path) -> None:
    from ablations.store.runs import RunFolder, mark

    folder = make_folder(tmp_path, fake_row(1, "finish"))

    def fail(path: Path) -> None:
        mark(path, "failed", "the true reason")
        raise RuntimeError("something that came after")

    assert attempt(folder, fail) == FAILED
    assert RunFolder(folder).message() == "the true reason"


def test_an_old_reason_is_replaced(tmp_path: Path) -> None:
    from ablations.store.runs import STATUS, RunFolder, mark

    folder = make_folder(tmp_path, fake_row(1, "finish"))
    mark(folder, "failed", "the reason of yesterday")
    os.utime(folder / STATUS, (0, 0))

    def fail(path: Path) -> None:
        raise ValueError(f"{path.name}: no such device")

    assert attempt(folder, fail) == FAILED
    assert "no such device" in str(RunFolder(folder).message())
