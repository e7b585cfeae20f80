"""Pixels are a function of (seed, epoch, index): not of workers, processes, probes or history."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.config import Augmentation, DataConfig
from datamodules.datasets import BatchedDataset, PerImageDataset
from datamodules.module import ImageDataModule, Loader, build_data_module
from datamodules.samplers import Batch, TrainBatches
from tests.image_trees import write_tree

BATCHED = Augmentation(crop="pad", pad=2, hflip=0.5, random_erasing=0.25)
PER_IMAGE = Augmentation(
    crop="random_resized", hflip=0.5, rand_augment="rand-m9-mstd0.5-inc1", random_erasing=0.25
)
DIGITS = DataConfig(name="digits", train_limit=200, test_limit=40)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    folder = write_tree(tmp_path_factory.mktemp("data") / "tree", images=20)
    return DataConfig(name="image_folder", folder=str(folder), image_size=32)


@pytest.fixture(params=["digits", "digits one by one", "files"])
def case(request: pytest.FixtureRequest, tree: DataConfig) -> tuple[DataConfig, Augmentation]:
    return {
        "digits": (DIGITS, BATCHED),
        "digits one by one": (DIGITS, PER_IMAGE),
        "files": (tree, PER_IMAGE),
    }[request.param]


def build(
    case: tuple[DataConfig, Augmentation], *, seed: int = 1, workers: int | None = 0
) -> ImageDataModule:
    return build_data_module(
        case[0],
        case[1],
        batch_size_per_step=16,
        batch_size_per_device=8,
        seed=seed,
        num_workers=workers,
    )


def digest(loader: Loader) -> str:
    result = hashlib.sha256()
    for images, labels in loader:
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert len(images) == len(labels)
        result.update(images.numpy().tobytes() + labels.numpy().tobytes())
    return result.hexdigest()


def epochs(loader: Loader, *numbers: int) -> list[str]:
    assert isinstance(loader.sampler, TrainBatches)
    digests = []
    for number in numbers:
        loader.sampler.set_epoch(number)
        digests.append(digest(loader))
    return digests


def test_pixels_do_not_depend_on_workers(case: tuple[DataConfig, Augmentation]) -> None:
    alone = epochs(build(case).train_dataloader(), 0, 1)
    assert alone[0] != alone[1]
    for workers in (1, 2):
        assert epochs(build(case, workers=workers).train_dataloader(), 0, 1) == alone


def test_pixels_do_not_depend_on_history(case: tuple[DataConfig, Augmentation]) -> None:
    """Resuming at epoch 2, after probes and half an epoch, continues as if never stopped."""
    straight = epochs(build(case).train_dataloader(), 0, 1, 2)
    resumed = build(case).train_dataloader()
    random.seed(99)
    torch.manual_seed(99)
    next(iter(resumed))
    iter(resumed)
    assert epochs(resumed, 2) == straight[2:]


def test_another_seed_or_epoch_gives_another_order_and_other_augmentation(
    case: tuple[DataConfig, Augmentation],
) -> None:
    loaders = [build(case, seed=seed).train_dataloader() for seed in (1, 2)]
    orders = [next(iter(loader.sampler)).indices.tolist() for loader in loaders]
    assert orders[0] != orders[1]
    # The same images, so that only what is done to them can differ.
    indices = np.array(orders[0])
    batches = [loader.dataset[Batch(epoch, indices)] for loader in loaders for epoch in (0, 1)]
    for first in range(4):
        assert torch.equal(batches[first][1], batches[0][1])
        for second in range(first):
            same = (batches[first][0] == batches[second][0]).flatten(1).all(dim=1)
            assert same.sum() <= 2


def test_a_fresh_process_gives_the_same_pixels(tree: DataConfig) -> None:
    code = (
        "from tests.test_data_loading import *;"
        f"print([epochs(build(case).train_dataloader(), 3) for case in"
        f" ((DIGITS, BATCHED), (DIGITS, PER_IMAGE), ({tree!r}, PER_IMAGE))])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    printed = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parent.parent,
    ).stdout
    cases = ((DIGITS, BATCHED), (DIGITS, PER_IMAGE), (tree, PER_IMAGE))
    assert printed.strip() == str([epochs(build(c).train_dataloader(), 3) for c in cases])


def test_no_global_generator_moves(case: tuple[DataConfig, Augmentation]) -> None:
    module = build(case)
    val = module.val_dataloader()
    assert not isinstance(val, list)
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    for loader in (module.train_dataloader(), val, module.test_dataloader()):
        digest(loader)
    assert random.getstate() == state[0]
    np.testing.assert_equal(np.random.get_state(), state[1])
    assert torch.equal(torch.get_rng_state(), state[2])


def test_evaluation_sees_every_image_once_in_order_and_without_augmentation(
    case: tuple[DataConfig, Augmentation],
) -> None:
    module, plain = build(case), build((case[0], Augmentation()))
    val, plain_val = module.val_dataloader(), plain.val_dataloader()
    assert not isinstance(val, list)
    assert not isinstance(plain_val, list)
    assert digest(val) == digest(plain_val)
    assert digest(module.test_dataloader()) == digest(plain.test_dataloader())
    part = module.splits.test
    labels = torch.cat([labels for _, labels in module.test_dataloader()])
    np.testing.assert_array_equal(labels.numpy(), part.images.labels[part.indices])


def test_training_images_are_the_labelled_ones(case: tuple[DataConfig, Augmentation]) -> None:
    """Without augmentation a training batch is what evaluation gives for the same indices."""
    module = build((case[0], Augmentation()))
    loader = module.train_dataloader()
    batch = next(iter(loader.sampler))
    images, labels = next(iter(loader))
    part = module.splits.train
    np.testing.assert_array_equal(labels.numpy(), part.images.labels[batch.indices])
    assert images.shape == (8, module.in_chans, module.image_size, module.image_size)


def test_images_in_memory_are_batched_unless_pil_is_needed(tree: DataConfig) -> None:
    assert isinstance(build((DIGITS, BATCHED)).train_dataloader().dataset, BatchedDataset)
    module = build((DIGITS, PER_IMAGE))
    assert isinstance(module.train_dataloader().dataset, PerImageDataset)
    assert isinstance(module.test_dataloader().dataset, BatchedDataset)
    assert isinstance(build((tree, BATCHED)).train_dataloader().dataset, PerImageDataset)


def test_both_ways_of_reading_memory_give_the_same_pixels() -> None:
    """A colour jitter that changes nothing visible forces PIL; pixels stay what they are."""
    batched = build((DIGITS, Augmentation()))
    one_by_one = build((DIGITS, Augmentation(crop="random_resized", scale=(1, 1), ratio=(1, 1))))
    for first, second in zip(
        batched.train_dataloader(), one_by_one.train_dataloader(), strict=True
    ):
        torch.testing.assert_close(first[0], second[0], rtol=1e-5, atol=1e-5)
        assert torch.equal(first[1], second[1])


def test_workers_by_default(tree: DataConfig) -> None:
    cores = len(os.sched_getaffinity(0))
    assert build((DIGITS, BATCHED), workers=None).train_dataloader().num_workers == 0
    files = build((tree, BATCHED), workers=None).train_dataloader()
    assert files.num_workers == min(cores, 16)
    assert files.persistent_workers
    assert files.pin_memory == torch.cuda.is_available()


def test_what_a_run_needs_to_know() -> None:
    module = build((DIGITS, BATCHED))
    assert module.num_classes == 10
    assert module.class_names == tuple("0123456789")
    assert (module.in_chans, module.image_size, module.train_size) == (1, 28, 200)
    assert module.steps_per_epoch == 12
    assert [module.accumulate(devices) for devices in (1, 2)] == [2, 1]
    assert len(module.train_dataloader()) == 24
    assert module.loader == "torch"


def test_too_few_images_are_refused_before_training() -> None:
    with pytest.raises(ValueError, match=r"recipe.batch_size=256 is more than the 200 training"):
        build_data_module(DIGITS, BATCHED, batch_size_per_step=256)
