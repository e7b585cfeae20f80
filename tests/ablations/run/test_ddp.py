"""Two processes on one CPU (gloo): every image once, one network, one writer."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from ablations.run.checkpoint import read_checkpoint
from ablations.run.recorder import CHECKPOINT
from ablations.run.run_config import read_run_config
from ablations.run.train import train_run
from ablations.store.image_predictions import read_image_predictions
from ablations.store.runs import RunFolder
from ablations.studies.config import Hardware
from datamodules import build_data_module
from lit_models import LitClassifier
from lit_models.space.spec import Init
from lit_models.training.metrics import (
    IMAGES_SEEN,
    TEST_LOSS,
    TEST_TOP1,
    TRAIN_LOSS,
    VAL_LOSS,
    VAL_TOP1,
)
from tests.support.images.loaders import val_of
from tests.support.run_folders import NO_BATCH_NORM, RECIPES, RESNET, in_worker, make_run

TWO = Hardware(accelerator="cpu", devices=2, threads=1, num_workers=0)
RECIPE = replace(RECIPES["plain"], batch_size_per_device=6, ema_decay=0.5)
# 31 test images: no multiple of two
DATA = {"test_limit": 31}


def rank_of(folders: Sequence[Path], rank: int, world: int, port: int) -> None:
    """One of `world` processes, with the variables that Lightning's launcher (or torchrun) sets."""
    for folder in folders:
        os.environ |= {
            "LOCAL_RANK": str(rank),
            "NODE_RANK": "0",
            "WORLD_SIZE": str(world),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            # as inside a Slurm allocation, where Lightning would take each process for a task
            "SLURM_NTASKS": str(world),
            "SLURM_JOB_ID": "7",
            "SLURM_PROCID": "0",
        }
        train_run(folder)


def train_on(world: int, *folders: Path) -> None:
    """Train one run after the other on `world` processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [in_worker(rank_of, folders, rank, world, port) for rank in range(world)]
    for process in ranks:
        process.join(300)
        assert process.exitcode == 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same run on one process and on two."""
    root = tmp_path_factory.mktemp("ddp")
    one = make_run(root / "one", RECIPE, spec=NO_BATCH_NORM, data=DATA)
    two = make_run(root / "two", RECIPE, spec=NO_BATCH_NORM, data=DATA, hardware=TWO)
    train_run(one)
    train_on(2, two)
    return one, two


def test_two_processes_train_the_same_network(runs: tuple[Path, Path]) -> None:
    one, two = (read_checkpoint(folder / CHECKPOINT)["state_dict"] for folder in runs)
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_metrics_are_those_of_one_process(runs: tuple[Path, Path]) -> None:
    one, two = (RunFolder(folder).metrics() for folder in runs)
    assert [row[IMAGES_SEEN] for row in two] == [row[IMAGES_SEEN] for row in one]
    for ours, theirs in zip(two, one, strict=True):
        for name in (TRAIN_LOSS, VAL_LOSS):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4)
    summaries = [RunFolder(folder).summary() or {} for folder in runs]
    assert summaries[1][TEST_LOSS] == pytest.approx(summaries[0][TEST_LOSS], rel=1e-4)
    for name in (TEST_TOP1, VAL_TOP1):
        assert summaries[1][name] == summaries[0][name]
    predicted = [RunFolder(folder).predictions() for folder in runs]
    assert predicted[1] == predicted[0] is not None  # image by image, in the split's order
    single, double = (read_image_predictions(folder) for folder in runs)
    assert single is not None
    assert double is not None
    assert double.classes.tolist() == single.classes.tolist()
    assert double.labels.tolist() == single.labels.tolist()
    assert double.confidence == pytest.approx(single.confidence, abs=1e-3)


def test_only_the_first_rank_writes(runs: tuple[Path, Path]) -> None:
    provenance = RunFolder(runs[1]).provenance()
    assert provenance is not None
    assert len(provenance["sessions"]) == 1
    assert provenance["sessions"][0]["hardware"]["devices"] == 2
    assert len(list((runs[1] / "tensorboard").iterdir())) == 1
    assert RunFolder(runs[1]).state() == "done"


def test_the_evaluated_network_is_the_saved_one(tmp_path: Path) -> None:
    # with batch norm, whose running statistics are those of the step and not of one rank
    spec = replace(RESNET, init=Init(scheme="fan_out"), drop_path_rate=0.0)
    folder = make_run(tmp_path / "run", RECIPE, spec=spec, data=DATA, hardware=TWO)
    train_on(2, folder)
    run, content = RunFolder(folder), read_checkpoint(folder / CHECKPOINT)
    module, config = LitClassifier(**content["hyper_parameters"]), read_run_config(run)
    module.load_state_dict(content["state_dict"])
    assert module.ema is not None
    loaders = build_data_module(config.data, config.recipe.augment, batch_size_per_step=36)
    summary = run.summary()
    assert summary is not None
    for split, loader in (("val", val_of(loaders)), ("test", loaders.test_dataloader())):
        ((images, classes),) = loader
        for network, name in ((module.backbone, split), (module.ema.module, f"{split}_ema")):
            with torch.no_grad():
                loss = functional.cross_entropy(network.eval()(images), classes)
            assert summary[f"{name}/loss"] == pytest.approx(loss.item(), rel=1e-5)


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert condition()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in found.read_text().split()] if found.exists() else []


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_sigterm_stops_both_processes_of_the_command(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", replace(RECIPE, epochs=10_000), hardware=TWO)
    # the command that Lightning repeats for the second rank
    process = subprocess.Popen([sys.executable, "-m", "ablations", "exec-run", str(folder)])
    wait_for((folder / CHECKPOINT).exists, seconds=240)
    (other,) = children(process.pid)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    wait_for(lambda: not alive(other), seconds=5)
    run = RunFolder(folder)
    assert run.state() == "interrupted"
    epochs = len(run.metrics())
    assert read_checkpoint(folder / CHECKPOINT)["epoch"] >= epochs - 1
