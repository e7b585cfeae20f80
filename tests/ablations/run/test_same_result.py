"""The same run on one, two and four processes: one result, whatever is in the recipe."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch

from ablations.run.checkpoint import read_checkpoint
from ablations.run.recorder import CHECKPOINT
from ablations.run.train import train_run
from ablations.store.runs import RunFolder
from ablations.studies.config import Hardware, Recipe
from lit_models import ArchSpec
from lit_models.training.metrics import TRAIN_LOSS
from tests.ablations.run.test_ddp import train_on
from tests.support.run_folders import NO_BATCH_NORM, RECIPES, RESNET, make_run

WORLDS = (1, 2, 4)
# (batch norm, mixing, drop path, average of the weights)
CELLS = list(product((True, False), (True, False), (True, False), (True, False)))
# In float64, so that other orders of summation differ by rounding errors of 1e-13 only, and without
# Adam's division, which would make a step of a gradient that is nothing but rounding errors.
BASE = replace(
    RECIPES["sgd_step"],
    epochs=1,
    batch_size=16,
    batch_size_per_device=4,
    schedule="constant",
    decay_epochs=30.0,
    precision="64-true",
)
DATA = {"train_limit": 48, "test_limit": 31}
Cell = tuple[bool, bool, bool, bool]


def run_of(cell: Cell) -> tuple[ArchSpec, Recipe]:
    """The network and the recipe of a cell."""
    batch_norm, mixing, drop_path, average = cell
    spec = replace(RESNET if batch_norm else NO_BATCH_NORM, drop_path_rate=0.3 * drop_path)
    recipe = replace(BASE, ema_decay=0.5 if average else None)
    return spec, replace(recipe, mixup=0.8, cutmix=1.0) if mixing else recipe


def name_of(cell: Cell) -> str:
    """Its folder."""
    return "".join("10"[not on] for on in cell)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of all cells, trained on each number of processes."""
    root = tmp_path_factory.mktemp("worlds")
    for world in WORLDS:
        hardware = Hardware(accelerator="cpu", devices=world, threads=1, num_workers=0)
        folders = []
        for cell in CELLS:
            spec, recipe = run_of(cell)
            path = root / str(world) / name_of(cell)
            folders.append(make_run(path, recipe, spec=spec, data=DATA, hardware=hardware))
        if world == 1:
            for folder in folders:
                train_run(folder)
        else:
            train_on(world, *folders)
    return root


def tensors(folder: Path) -> Mapping[str, torch.Tensor]:
    """Weights, buffers and averages of a run that is over."""
    content: Mapping[str, torch.Tensor] = read_checkpoint(folder / CHECKPOINT)["state_dict"]
    return content


def numbers(folder: Path) -> Iterator[tuple[str, float]]:
    """Loss of training, metrics of validation and test."""
    run = RunFolder(folder)
    yield TRAIN_LOSS, run.metrics()[-1][TRAIN_LOSS]
    for name, value in (run.summary() or {}).items():
        if name.startswith(("val", "test")) and isinstance(value, float):
            yield name, value


@pytest.mark.parametrize("world", WORLDS[1:])
@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_the_result_does_not_depend_on_the_number_of_processes(
    root: Path, cell: Cell, world: int
) -> None:
    alone, shared = root / "1" / name_of(cell), root / str(world) / name_of(cell)
    one, many = tensors(alone), tensors(shared)
    assert one.keys() == many.keys()
    assert any("running_mean" in name for name in one) == cell[0]
    for name, value in one.items():
        torch.testing.assert_close(many[name], value, rtol=1e-9, atol=1e-9, msg=name)
    scores, found = dict(numbers(alone)), dict(numbers(shared))
    assert len(scores) > 6
    assert found == pytest.approx(scores, abs=1e-6)  # scores are float32
