"""One run in its folder: files, states, signals, bad input."""

import errno
import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.checkpoint import read_checkpoint
from ablations.config import Hardware
from ablations.interruption import RunInterrupted, interruptible
from ablations.lock import BusyError, hold
from ablations.recorder import CHECKPOINT, RunRecorder
from ablations.store import LOCK, RunFolder
from ablations.train import train_run
from datamodules.config import Augmentation
from lit_models import TRAJECTORIES
from lit_models.complexity import count
from tests.run_folders import CONVNEXT, RECIPES, RESNET, in_worker, make_run, same

RECIPE = RECIPES["ema"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("done") / "run", RECIPE)
    train_run(folder)
    return folder


def status(folder: Path) -> dict[str, Any]:
    found = RunFolder(folder).status()
    assert found is not None
    return found


def test_a_finished_run_has_all_its_files(done: Path) -> None:
    run = RunFolder(done)
    rows, summary, written = run.metrics(), run.summary(), status(done)
    assert summary is not None
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["images_seen"] for row in rows] == [36, 72, 108]
    names = {f"{split}/{what}" for split in ("val", "val_ema") for what in ("loss", "top1", "top5")}
    assert names | {"train/loss", "lr", "seconds"} <= rows[0].keys()
    assert {
        f"test{s}/{w}" for s in ("", "_ema") for w in ("loss", "top1", "top5")
    } <= summary.keys()
    cost = count(RESNET, image_size=8, num_classes=10, in_chans=1)
    assert (summary["params"], summary["gmacs"]) == (cost.params, cost.gmacs)
    assert summary["val/top1"] == rows[-1]["val/top1"] == written["metrics"]["val/top1"]
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
    deadline = time.monotonic() + 60
    while not (folder / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.pid is not None
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.join(10)
    assert time.monotonic() - asked < 5
    assert process.exitcode == 3
    assert status(folder)["state"] == "interrupted"
    assert RunFolder(folder).state() == "interrupted"


def _train_quietly(folder: Path) -> None:
    try:
        train_run(folder)
    except RunInterrupted:
        os._exit(3)


def test_divergence_is_a_failure(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", replace(RECIPES["sgd_step"], lr=1e30))
    with pytest.raises(FloatingPointError, match=r"diverged.*recipe.lr"):
        train_run(folder)
    assert "diverged" in status(folder)["message"]
    assert not (folder / CHECKPOINT).exists()  # nothing to go on from


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": {"epoch": 3}}, r"config.json: .*'epoch' is unknown. Did you mean epochs"),
        ({"recipe": {"epochs": "many"}}, r"config.json: recipe.epochs is 'many'.*a whole number"),
        ({"recipe": {"batch_size": 5, "batch_size_per_device": 2}}, "batch_size_per_device"),
        ({"spec": {"depth": [1]}}, r"config.json: spec: fields \['depth'\] are unknown"),
        ({"hardware": {"accelerator": "gpuu"}}, r"hardware.accelerator is 'gpuu'"),
        ({"hardware": {"devices": 0}}, r"hardware.devices is 0"),
        ({"data": {"name": "digit"}}, r"digit.*digits"),
    ],
)
def test_a_bad_config_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = make_run(tmp_path / "run") / "config.json"
    config = json.loads(path.read_text())
    for section, values in changes.items():
        config[section] |= values
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=words):
        train_run(path.parent)
    assert not (path.parent / CHECKPOINT).exists()


def test_a_folder_without_config_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"config\.json"):
        train_run(tmp_path)
    (tmp_path / "config.json").write_text('{"schema": 1, "spec": {}}')
    with pytest.raises(ValueError, match="no key 'data'"):
        train_run(tmp_path)


@pytest.mark.parametrize(
    ("hardware", "precision", "words"),
    [
        (Hardware(accelerator="gpu"), "32-true", "hardware.accelerator is gpu"),
        (Hardware(accelerator="mps"), "32-true", "hardware.accelerator is mps"),
        (Hardware(accelerator="cpu"), "16-mixed", "recipe.precision is 16-mixed"),
        (Hardware(accelerator="gpu", devices=4), "32-true", "hardware.devices is 4.*sees 1 cuda"),
    ],
)
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(
    hardware: Hardware,
    precision: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: hardware.devices > 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    folder = make_run(tmp_path / "run", replace(RECIPE, precision=precision), hardware=hardware)
    with pytest.raises(ValueError, match=words):
        train_run(folder)
    assert [path.name for path in folder.iterdir()] == ["config.json"]


def copy_of(done: Path, target: Path, **changes: Any) -> Path:
    """A run of four epochs that has the checkpoint of the finished one, with another config."""
    folder = make_run(target, changes.pop("recipe", replace(RECIPE, epochs=3)), **changes)
    (folder / CHECKPOINT).parent.mkdir(parents=True)
    (folder / CHECKPOINT).write_bytes((done / CHECKPOINT).read_bytes())
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec": CONVNEXT}, r"another configuration: spec\."),
        ({"seed": 1}, "another configuration: seed is 0 in it and 1 in config.json"),
        ({"recipe": replace(RECIPE, lr=0.5)}, r"training.lr is 0.002 in it and 0.5"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused_and_kept(
    changes: dict[str, Any], words: str, done: Path, tmp_path: Path
) -> None:
    folder = copy_of(done, tmp_path / "run", **changes)
    before = (folder / CHECKPOINT).read_bytes()
    with pytest.raises(ValueError, match=words):
        train_run(folder)
    assert (folder / CHECKPOINT).read_bytes() == before
    assert status(folder)["state"] == "failed"
    assert "another configuration" in status(folder)["message"]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_checkpoint_is_named_with_the_remedy(
    share: float, done: Path, tmp_path: Path
) -> None:
    folder = copy_of(done, tmp_path / "run")
    content = (folder / CHECKPOINT).read_bytes()
    (folder / CHECKPOINT).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"last.ckpt is damaged.*Delete it") as caught:
        train_run(folder)
    assert caught.value.__cause__ is None
    assert "last.ckpt is damaged" in status(folder)["message"]


def test_damaged_status_and_metrics_are_written_anew(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", RECIPES["plain"])
    (folder / "status.json").write_text('{"state": "runn')
    (folder / "metrics.csv").write_text("epoch,loss\n1\n")
    train_run(folder)
    assert RunFolder(folder).state() == "done"
    assert len(RunFolder(folder).metrics()) == 3


def test_a_full_disk_names_the_file_and_keeps_the_earlier_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path / "run", RECIPE)
    process = in_worker(_train_on_a_small_disk, folder)
    process.join()
    assert process.exitcode == 4
    message = status(folder)["message"]
    assert f"{CHECKPOINT}" in message
    assert "cannot write" in message
    assert read_checkpoint(folder / CHECKPOINT)["epoch"] == 0
    assert not list(folder.rglob("*.tmp"))
    train_run(folder)  # there is room again
    assert RunFolder(folder).state() == "done"


def _train_on_a_small_disk(folder: Path) -> None:
    """After the first epoch no file may grow beyond 20 kB: so not the next checkpoint."""
    import resource

    end = RunRecorder.on_train_epoch_end

    def shrink(self: RunRecorder, *arguments: Any) -> None:
        end(self, *arguments)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    RunRecorder.on_train_epoch_end = shrink  # type: ignore[assignment, method-assign]
    try:
        train_run(folder)
    except OSError as error:
        os._exit(4 if error.errno in (errno.EFBIG, None) else 5)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody's rights on the folder: root ignores its mode, so root becomes someone else."""
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)  # pytest's own folders are private
    folder = make_run(tmp_path / "run", RECIPE)
    with read_only(folder), pytest.raises(OSError, match=r"cannot write.*run") as caught:
        train_run(folder)
    assert caught.value.errno == errno.EACCES
    assert [path.name for path in folder.iterdir()] == ["config.json"]


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
    from ablations.run_config import read_run_config

    trajectory = TRAJECTORIES["resnet50_to_convnext_t"]
    for name in ("start", "separate_downsampling"):
        spec = trajectory.spec_after(name)
        folder = make_run(tmp_path / name, RECIPES["sgd_step"], spec=spec, root="/somewhere")
        config = read_run_config(RunFolder(folder))
        assert config.spec == spec
        assert config.recipe == RECIPES["sgd_step"]
        assert config.data.root == "/somewhere"
        assert json.loads(json.dumps(config.training)) is not None
