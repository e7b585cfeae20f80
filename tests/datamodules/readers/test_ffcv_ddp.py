"""Two processes (gloo) that read one beton: every image once, and together what one would read."""

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from ablations.run.train import train_run
from ablations.store.runs import RunFolder
from ablations.studies.config import Hardware
from datamodules.module import ImageDataModule
from datamodules.readers.ffcv_reader import FfcvReader
from datamodules.readers.loader import ImageLoader
from lit_models.training.metrics import TEST_LOSS, TEST_TOP1, TRAIN_LOSS, VAL_LOSS, VAL_TOP1
from tests.ablations.run.test_ddp import train_on
from tests.support.images.loaders import build, choose, make_case, val_of, write_both
from tests.support.run_folders import AUGMENTED, NO_BATCH_NORM, beton_data, in_worker, make_run

EPOCHS = 3
TWO = Hardware(accelerator="cpu", devices=2, threads=1, num_workers=1)


@dataclass(frozen=True)
class Seen:
    """What one process read: indices of each batch, and an image under each index."""

    batches: list[list[int]]
    images: dict[int, torch.Tensor]
    labels: dict[int, int]


def seen(loader: ImageLoader) -> Seen:
    batches = [batch.indices.tolist() for batch in loader.sampler]
    flat = [index for batch in batches for index in batch]
    given = list(loader)
    assert [len(labels) for _, labels in given] == [len(batch) for batch in batches]
    images = torch.cat([images for images, _ in given])
    labels = torch.cat([labels for _, labels in given]).tolist()
    assert len(set(flat)) == len(flat)
    return Seen(batches, dict(zip(flat, images, strict=True)), dict(zip(flat, labels, strict=True)))


def everything(module: ImageDataModule) -> dict[str, Seen]:
    """All parts as this process sees them."""
    loader, found = module.train_dataloader(), {}
    for epoch in range(EPOCHS):
        choose(loader, epoch)
        found[f"train {epoch}"] = seen(loader)
    return {**found, "val": seen(val_of(module)), "test": seen(module.test_dataloader())}


def read_rank(rank: int, port: int, tree: Path, out: Path) -> None:
    """One of two processes."""
    address = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    found = everything(build(make_case("ffcv", tree), workers=1 + rank))
    torch.save({name: vars(part) for name, part in found.items()}, out / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # 27 images a class: 81 of test, no multiple of two
    return write_both(tmp_path_factory.mktemp("data"), images=27)


@pytest.fixture(scope="module")
def one(tree: Path) -> dict[str, Seen]:
    return everything(build(make_case("ffcv", tree)))


@pytest.fixture(scope="module")
def two(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Seen]]:
    out = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [in_worker(read_rank, rank, port, tree, out) for rank in range(2)]
    for process in ranks:
        process.join(120)
        assert process.exitcode == 0
    loaded: list[dict[str, Any]] = [torch.load(out / f"{rank}.pt") for rank in range(2)]
    return [{name: Seen(**part) for name, part in rank.items()} for rank in loaded]


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_shards_are_disjoint_and_cover_the_epoch(
    epoch: int, one: dict[str, Seen], two: list[dict[str, Seen]]
) -> None:
    left, right = (rank[f"train {epoch}"] for rank in two)
    assert not left.images.keys() & right.images.keys()
    assert left.images.keys() | right.images.keys() == one[f"train {epoch}"].images.keys()
    assert len(left.batches) == len(right.batches)


def test_every_step_sees_the_images_and_pixels_that_it_has_in_one_process(
    one: dict[str, Seen], two: list[dict[str, Seen]]
) -> None:
    """A step is 16 images: two micro batches of 8 in one process, one of 8 on each of two."""
    for epoch in range(EPOCHS):
        whole, parts = one[f"train {epoch}"], [rank[f"train {epoch}"] for rank in two]
        steps = [
            first + second
            for first, second in zip(whole.batches[::2], whole.batches[1::2], strict=True)
        ]
        both = [a + b for a, b in zip(*(part.batches for part in parts), strict=True)]
        assert both == steps
        for part in parts:
            for index, image in part.images.items():
                assert torch.equal(image, whole.images[index])
                assert part.labels[index] == whole.labels[index]


@pytest.mark.parametrize("name", ["val", "test"])
def test_every_evaluation_image_is_seen_exactly_once(
    name: str, one: dict[str, Seen], two: list[dict[str, Seen]]
) -> None:
    left, right = (rank[name] for rank in two)
    flat = [index for part in (left, right) for batch in part.batches for index in batch]
    assert sorted(flat) == sorted(one[name].images)
    assert len(left.batches) == len(right.batches)
    for part in (left, right):
        for index, image in part.images.items():
            assert torch.equal(image, one[name].images[index])
            assert part.labels[index] == one[name].labels[index]


@pytest.mark.parametrize(("devices", "threads"), [(1, 8), (2, 4), (3, 2), (16, 1)])
def test_a_rank_decodes_with_its_share_of_the_cores(
    devices: int, threads: int, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    module = build(make_case("ffcv", tree), workers=None)
    # Made and never started: it says where and on how many devices it would train.
    module.trainer = Trainer(accelerator="cpu", devices=devices, logger=False)
    for loader in (module.train_dataloader(), val_of(module)):
        assert isinstance(loader.reader, FfcvReader)
        assert loader.reader.threads == threads


def test_two_processes_train_on_a_beton_as_one_does(tmp_path: Path) -> None:
    data, recipe = beton_data(tmp_path), replace(AUGMENTED, batch_size_per_device=6, mixup=0.8)
    one = make_run(tmp_path / "one", recipe, spec=NO_BATCH_NORM, data=data)
    two = make_run(tmp_path / "two", recipe, spec=NO_BATCH_NORM, data=data, hardware=TWO)
    train_run(one)
    train_on(2, two)
    for ours, theirs in zip(RunFolder(two).metrics(), RunFolder(one).metrics(), strict=True):
        for name in (TRAIN_LOSS, VAL_LOSS):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4)
    summaries = [RunFolder(folder).summary() or {} for folder in (two, one)]
    assert summaries[0][TEST_LOSS] == pytest.approx(summaries[1][TEST_LOSS], rel=1e-4)
    for name in (TEST_TOP1, VAL_TOP1):
        assert summaries[0][name] == summaries[1][name]
    assert np.isfinite(summaries[0][TEST_LOSS])
