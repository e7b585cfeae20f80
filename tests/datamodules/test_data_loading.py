"""Pixels are a function of (seed, epoch, index): not of workers, processes, probes or history."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from datamodules.config.augmentation import Augmentation
from datamodules.module import build_data_module
from datamodules.readers.ffcv_reader import FfcvReader
from datamodules.readers.memory import MemoryReader
from datamodules.readers.pillow import TorchReader
from tests.support.images.loaders import (
    BATCHED,
    CASES,
    DIGITS,
    RESIZED,
    Case,
    build,
    by_index,
    choose,
    digest,
    epochs,
    make_case,
    val_of,
    write_both,
)
from tests.support.project import PROJECT


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_both(tmp_path_factory.mktemp("data"))


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tree: Path) -> Case:
    return make_case(request.param, tree)


def test_pixels_do_not_depend_on_workers(case: Case) -> None:
    alone = epochs(build(case).train_dataloader(), 0, 1)
    assert alone[0] != alone[1]
    for workers in (1, 2):
        assert epochs(build(case, workers=workers).train_dataloader(), 0, 1) == alone


def test_pixels_do_not_depend_on_history(case: Case) -> None:
    """Resuming at epoch 2, after probes and half an epoch, continues as if never stopped."""
    straight = epochs(build(case).train_dataloader(), 0, 1, 2)
    resumed = build(case).train_dataloader()
    random.seed(99)
    torch.manual_seed(99)
    next(iter(resumed))
    iter(resumed)
    assert epochs(resumed, 2) == straight[2:]


def test_another_seed_or_epoch_gives_another_order_and_other_augmentation(case: Case) -> None:
    loaders = [build(case, seed=seed).train_dataloader() for seed in (1, 2)]
    keys = [(loader, epoch) for loader in loaders for epoch in (0, 1)]
    assert len({tuple(choose(*key)) for key in keys}) == 4
    seen = [by_index(*key) for key in keys]
    for first in range(4):
        for second in range(first):
            common = seen[first].keys() & seen[second].keys()
            same = sum(torch.equal(seen[first][i], seen[second][i]) for i in common)
            assert same <= len(common) / 8, (first, second)


def test_a_fresh_process_gives_the_same_pixels(tree: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.support.images.loaders import *;"
        "print([epochs(build(make_case(name, Path(sys.argv[1]))).train_dataloader(), 3)"
        " for name in CASES])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    printed = subprocess.run(
        [sys.executable, "-c", code, str(tree)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        cwd=PROJECT,
    ).stdout
    cases = [make_case(name, tree) for name in CASES]
    assert printed.strip() == str([epochs(build(c).train_dataloader(), 3) for c in cases])


def test_no_global_generator_moves(case: Case) -> None:
    module = build(case)
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    for loader in (module.train_dataloader(), val_of(module), module.test_dataloader()):
        digest(loader)
    assert random.getstate() == state[0]
    np.testing.assert_equal(np.random.get_state(), state[1])
    assert torch.equal(torch.get_rng_state(), state[2])


def test_evaluation_sees_every_image_once_in_order_and_without_augmentation(case: Case) -> None:
    module, plain = build(case), build((case[0], Augmentation()))
    assert digest(val_of(module)) == digest(val_of(plain))
    assert digest(module.test_dataloader()) == digest(plain.test_dataloader())
    part = module.splits.test
    labels = torch.cat([labels for _, labels in module.test_dataloader()])
    np.testing.assert_array_equal(labels.numpy(), part.images.labels[part.indices])


def test_training_images_are_the_labelled_ones(case: Case) -> None:
    module = build((case[0], Augmentation()))
    loader = module.train_dataloader()
    batch = next(iter(loader.sampler))
    images, labels = next(iter(loader))
    part = module.splits.train
    np.testing.assert_array_equal(labels.numpy(), part.images.labels[batch.indices])
    assert images.shape == (8, module.in_chans, module.image_size, module.image_size)


def test_images_in_memory_are_gathered_unless_they_are_resized(tree: Path) -> None:
    assert isinstance(build((DIGITS, BATCHED)).train_dataloader().reader, MemoryReader)
    module = build((DIGITS, RESIZED))
    assert isinstance(module.train_dataloader().reader, TorchReader)
    assert isinstance(module.test_dataloader().reader, MemoryReader)
    assert isinstance(build(make_case("torch", tree)).train_dataloader().reader, TorchReader)
    assert isinstance(build(make_case("ffcv", tree)).train_dataloader().reader, FfcvReader)


def test_both_ways_of_reading_memory_give_the_same_pixels() -> None:
    """A crop that takes the whole image is read by Pillow; pixels stay what they are."""
    gathered = build((DIGITS, Augmentation()))
    one_by_one = build((DIGITS, Augmentation(crop="random_resized", scale=(1, 1), ratio=(1, 1))))
    for first, second in zip(
        gathered.train_dataloader(), one_by_one.train_dataloader(), strict=True
    ):
        torch.testing.assert_close(first[0], second[0], rtol=1e-5, atol=1e-5)
        assert torch.equal(first[1], second[1])


def test_workers_by_default(tree: Path) -> None:
    cores = len(os.sched_getaffinity(0))
    files = build(make_case("torch", tree), workers=None).train_dataloader().reader
    assert isinstance(files, TorchReader)
    assert files.loader.num_workers == min(cores, 16)
    assert files.loader.persistent_workers
    assert files.loader.pin_memory == torch.cuda.is_available()
    beton = build(make_case("ffcv", tree), workers=None).train_dataloader().reader
    assert isinstance(beton, FfcvReader)
    assert beton.threads == min(cores, 16)


@pytest.mark.parametrize(
    ("variable", "devices", "expected"), [(None, 2, 4), (None, 8, 1), ("4", 2, 8)]
)
def test_ranks_share_the_cores_unless_slurm_gave_each_its_own(
    variable: str | None,
    devices: int,
    expected: int,
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    if variable is not None:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", variable)
    module = build(make_case("ffcv", tree), workers=None)
    monkeypatch.setattr(module, "trainer", SimpleNamespace(num_devices=devices))
    assert module._workers() == expected


def test_what_a_run_needs_to_know() -> None:
    module = build((DIGITS, BATCHED))
    assert module.num_classes == 10
    assert module.class_names == tuple("0123456789")
    assert (module.in_chans, module.image_size, module.train_size) == (1, 28, 200)
    assert module.steps_per_epoch == 12
    assert [module.accumulate(devices) for devices in (1, 2)] == [2, 1]
    assert len(module.train_dataloader()) == 24
    assert module.config.loader == "memory"


def test_evaluation_may_be_larger_than_training(case: Case) -> None:
    config, augmentation = case
    larger = build((type(config)(**{**vars(config), "eval_size": 40}), augmentation))
    size = larger.image_size
    assert next(iter(larger.train_dataloader()))[0].shape[-2:] == (size, size)
    for loader in (val_of(larger), larger.test_dataloader()):
        assert next(iter(loader))[0].shape[-2:] == (40, 40)


def test_training_images_grow_with_the_epochs(case: Case) -> None:
    growing = Augmentation(hflip=0.5, first_size=16, growth=(1, 5), size_step=8)
    module = build((case[0], growing))
    loader, sides = module.train_dataloader(), []
    for epoch in range(6):
        choose(loader, epoch)
        sides.append(next(iter(loader))[0].shape[-1])
    full = module.image_size
    assert sides[:2] == [16, 16]
    assert sides[5] == full
    assert sorted(sides) == sides
    assert next(iter(val_of(module)))[0].shape[-1] == full


def test_too_few_images_are_refused_before_training() -> None:
    with pytest.raises(ValueError, match=r"recipe.batch_size=256 is more than the 200 training"):
        build_data_module(DIGITS, BATCHED, batch_size_per_step=256)
