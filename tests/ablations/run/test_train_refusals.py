"""What a run says when its config, device, checkpoint or folder cannot be used; what it keeps."""

import errno
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.run.checkpoint import read_checkpoint
from ablations.run.recorder import CHECKPOINT, RunRecorder
from ablations.run.train import train_run
from ablations.store.runs import RunFolder
from ablations.studies.config import Hardware
from lit_models.recipe.config import Precision
from tests.support.run_folders import CONVNEXT, RECIPES, in_worker, make_run, status

RECIPE = RECIPES["ema"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("done") / "run", RECIPE)
    train_run(folder)
    return folder


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
    precision: Precision,
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
    for path in (tmp_path, *tmp_path.parents):
        if path == Path(tempfile.gettempdir()):
            break
        path.chmod(0o755)  # pytest's own folders are private, one more of them under xdist
    folder = make_run(tmp_path / "run", RECIPE)
    with read_only(folder), pytest.raises(OSError, match=r"cannot write.*run") as caught:
        train_run(folder)
    assert caught.value.errno == errno.EACCES
    assert [path.name for path in folder.iterdir()] == ["config.json"]
