"""One run in its folder: files, states, signals, bad input."""

import json
import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.run.checkpoint import read_checkpoint
from ablations.run.interruption import RunInterrupted, interruptible
from ablations.run.recorder import CHECKPOINT, RunRecorder
from ablations.run.train import train_run
from ablations.store.lock import BusyError, hold
from ablations.store.runs import LOCK, RunFolder
from datamodules.config.augmentation import Augmentation
from lit_models import TRAJECTORIES
from lit_models.network.complexity import count
from tests.support.run_folders import RECIPES, RESNET, in_worker, make_run, same, status

RECIPE = RECIPES["ema"]
METRICS = ("loss", "top1", "top5", "balanced_accuracy")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("done") / "run", RECIPE)
    train_run(folder)
    return folder


def test_a_finished_run_has_all_its_files(done: Path) -> None:
    run = RunFolder(done)
    rows, summary, written = run.metrics(), run.summary(), status(done)
    assert summary is not None
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["images_seen"] for row in rows] == [36, 72, 108]
    names = {f"{split}/{what}" for split in ("val", "val_ema") for what in METRICS}
    assert names | {"train/loss", "lr", "seconds"} <= rows[0].keys()
    assert {f"test{s}/{w}" for s in ("", "_ema") for w in METRICS} <= summary.keys()
    cost = count(RESNET, image_size=8, num_classes=10, in_chans=1)
    assert (summary["params"], summary["gmacs"]) == (cost.params, cost.gmacs)
    assert summary["val/top1"] == rows[-1]["val/top1"] == written["metrics"]["val/top1"]
    counts = {"classes": 10, "train_images": 40, "test_images": 30}
    assert counts.items() <= summary.items()
    assert summary["images_per_s"] > 0 < summary["peak_memory_mb"]
    assert summary["train_seconds"] == pytest.approx(sum(row["seconds"] for row in rows), abs=2e-3)
    assert (written["state"], written["epoch"], written["epochs"]) == ("done", 3, 3)
    assert written["message"] is None
    assert run.state() == "done"


def test_provenance_names_code_versions_and_hardware(done: Path) -> None:
    provenance = RunFolder(done).provenance()
    assert provenance is not None
    (session,) = provenance["sessions"]
    assert provenance["seed"] == 0
    assert session["reading"] == "Images are held in memory: they are small."
    assert session["versions"]["torch"] == torch.__version__.split("+", maxsplit=1)[0]
    assert session["hardware"]["device"] == "cpu"
    assert session["git"] is None or len(session["git"]["commit"]) == 40


def test_learning_rate_column_is_that_of_the_last_step(done: Path) -> None:
    rates = [row["lr"] for row in RunFolder(done).metrics()]
    # one epoch of warm-up, then a cosine over the 6 steps of the other two epochs
    cosine = [(1 + math.cos(math.pi * step / 6)) / 2 for step in (2, 5)]
    assert rates == pytest.approx([RECIPE.lr * 2 / 3, *(RECIPE.lr * share for share in cosine)])


def test_a_finished_run_is_left_alone(done: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.is_file()}
    train_run(done)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_run_learns(tmp_path: Path) -> None:
    recipe = replace(RECIPES["plain"], epochs=5, batch_size=50, lr=1e-2, augment=Augmentation())
    spec = replace(RESNET, drop_path_rate=0.0, widths=(8, 16, 32))
    folder = make_run(tmp_path / "run", recipe, spec=spec, data={"train_limit": 1000})
    train_run(folder)
    summary = RunFolder(folder).summary()
    assert summary is not None
    losses = [row["train/loss"] for row in RunFolder(folder).metrics()]
    assert losses[-1] < 0.8 * losses[0]
    assert summary["val/top1"] > 30  # chance is 10


def test_only_one_process_trains_a_run(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", RECIPE)
    with hold(folder / LOCK), pytest.raises(BusyError, match="lock"):
        train_run(folder)
    assert not (folder / "status.json").exists()


def fail_in_epoch_two(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    start = RunRecorder.on_train_batch_start

    def spy(self: RunRecorder, trainer: Any, *arguments: Any) -> None:
        start(self, trainer, *arguments)
        if trainer.current_epoch == 1:
            action()

    monkeypatch.setattr(RunRecorder, "on_train_batch_start", spy)


def test_an_exception_is_reported_and_the_run_goes_on_from_there(
    tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path / "run", RECIPE)

    def crash() -> None:
        raise MemoryError("no more\nsecond line")

    with monkeypatch.context() as patched:
        fail_in_epoch_two(patched, crash)
        with pytest.raises(MemoryError):
            train_run(folder)
    written = status(folder)
    assert (written["state"], written["epoch"]) == ("failed", 1)
    assert written["message"] == "MemoryError: no more"
    assert RunFolder(folder).state() == "failed"
    train_run(folder)
    left, right = (read_checkpoint(path / CHECKPOINT)["state_dict"] for path in (folder, done))
    assert same(left, right)
    provenance = RunFolder(folder).provenance()
    assert provenance is not None
    assert len(provenance["sessions"]) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_and_keeps_the_epoch_before(
    tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    folder = make_run(tmp_path / "run", RECIPE)
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with monkeypatch.context() as patched:
        fail_in_epoch_two(patched, lambda: os.kill(os.getpid(), number))
        with pytest.raises(RunInterrupted, match=number.name):
            train_run(folder)
    written = status(folder)
    assert (written["state"], written["epoch"]) == ("interrupted", 1)
    assert number.name in written["message"]
    assert handlers == [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    train_run(folder)
    left, right = (read_checkpoint(path / CHECKPOINT)["state_dict"] for path in (folder, done))
    assert same(left, right)


def test_a_signal_that_python_drops_is_seen_at_the_next_batch() -> None:
    with interruptible() as interruption:
        with suppress(RunInterrupted):  # as in a destructor
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(RunInterrupted, match="SIGTERM"):
            interruption.check()


def test_a_worker_stops_within_seconds(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", replace(RECIPE, epochs=10_000))
    process = in_worker(_train_quietly, folder)
    deadline = time.monotonic() + 240  # the first worker imports everything
    while not (folder / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.pid is not None
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.join(20)
    assert time.monotonic() - asked < 10
    assert process.exitcode == 3
    assert status(folder)["state"] == "interrupted"
    assert RunFolder(folder).state() == "interrupted"


def _train_quietly(folder: Path) -> None:
    try:
        train_run(folder)
    except RunInterrupted:
        os._exit(3)


def test_divergence_is_a_failure(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", replace(RECIPES["sgd_step"], lr=1000.0))
    with pytest.raises(FloatingPointError, match=r"diverged.*recipe.lr"):
        train_run(folder)
    assert "diverged" in status(folder)["message"]
    assert not (folder / CHECKPOINT).exists()  # nothing to go on from


def test_the_environment_of_a_launcher_does_not_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LOCAL_RANK": "1", "SLURM_NTASKS": "2", "SLURM_JOB_ID": "7"}.items():
        monkeypatch.setenv(name, value)
    folder = make_run(tmp_path / "run", replace(RECIPES["plain"], epochs=1))
    train_run(folder)  # one device: no rank, no Slurm task
    assert RunFolder(folder).state() == "done"
    assert os.environ["LOCAL_RANK"] == "1"


def test_config_json_round_trips_the_whole_trajectory(tmp_path: Path) -> None:
    from ablations.run.run_config import read_run_config

    trajectory = TRAJECTORIES["resnet50_to_convnext_t"]
    for name in ("start", "separate_downsampling"):
        spec = trajectory.spec_after(name)
        folder = make_run(tmp_path / name, RECIPES["sgd_step"], spec=spec, root="/somewhere")
        config = read_run_config(RunFolder(folder))
        assert config.spec == spec
        assert config.recipe == RECIPES["sgd_step"]
        assert config.data.root == "/somewhere"
        assert json.loads(json.dumps(config.training)) is not None
