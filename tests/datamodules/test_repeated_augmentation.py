"""Repeated augmentation: an image comes several times in a row, each time with its own draws."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.data.distributed_sampler import RepeatAugSampler
from torch import Tensor

from datamodules.config.augmentation import Augmentation
from datamodules.readers.loader import ImageLoader
from datamodules.sampling import samplers
from datamodules.sampling.samplers import TrainBatches
from tests.support.images.loaders import CASES, Case, build, epochs, make_case, write_both

REPEATS, EPOCH = 3, 2


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_both(tmp_path_factory.mktemp("data"))


def with_repeats(case: Case, repeats: int = REPEATS) -> Case:
    config, augmentation = case
    return config, replace(augmentation, repeats=repeats)


def copies(loader: ImageLoader, epoch: int = EPOCH) -> dict[tuple[int, int], Tensor]:
    """Each image of a training epoch under its index and the number of its copy."""
    assert isinstance(loader.sampler, TrainBatches)
    loader.sampler.set_epoch(epoch)
    names = [
        (int(index), int(copy))
        for batch in loader.sampler
        for index, copy in zip(
            batch.indices,
            np.zeros_like(batch.indices) if batch.copies is None else batch.copies,
            strict=True,
        )
    ]
    images = torch.cat([images for images, _ in loader])
    return dict(zip(names, images, strict=True))


def test_an_epoch_holds_as_many_copies_as_that_of_timm() -> None:
    count = 512  # timm rounds down to a multiple of 256
    theirs = RepeatAugSampler(
        range(count),  # it asks for the length alone
        num_replicas=1,
        rank=0,
        num_repeats=REPEATS,
    )
    ours = TrainBatches(np.arange(count), seed=0, total=64, repeats=REPEATS)
    drawn = np.concatenate([batch.indices for batch in ours])
    assert len(drawn) == len(theirs) == count
    found = sorted(Counter(drawn.tolist()).values())
    assert found == sorted(Counter(list(theirs)).values()) == [2] + [3] * 170


def test_an_epoch_is_as_long_as_without() -> None:
    plain, repeated = (
        TrainBatches(np.arange(70), seed=1, total=16, repeats=repeats) for repeats in (1, REPEATS)
    )
    assert len(plain) == len(repeated) == len(list(repeated)) == 4
    assert plain.steps == repeated.steps


def test_the_copies_of_an_image_stand_side_by_side_and_are_counted() -> None:
    sampler = TrainBatches(np.arange(64), seed=1, total=16, repeats=REPEATS)
    batches = list(sampler)
    indices = np.concatenate([batch.indices for batch in batches])
    numbers = np.concatenate([c for batch in batches if (c := batch.copies) is not None])
    plain = [batch.indices for batch in TrainBatches(np.arange(64), seed=1, total=16)]
    np.testing.assert_array_equal(indices, np.concatenate(plain).repeat(REPEATS)[:64])
    np.testing.assert_array_equal(numbers, np.tile([0, 1, 2], 22)[:64])


@pytest.mark.parametrize("per_device", [2, 4])
def test_a_step_is_the_same_copies_on_any_number_of_devices(
    monkeypatch: pytest.MonkeyPatch, per_device: int
) -> None:
    sampler = TrainBatches(np.arange(70), seed=1, total=16, per_device=per_device, repeats=REPEATS)
    alone = samplers.joined(list(sampler))
    by_rank = []
    for rank in range(2):
        monkeypatch.setattr(samplers, "rank_and_world", lambda rank=rank: (rank, 2))
        by_rank.append(list(sampler))
    together = samplers.joined([b for pair in zip(*by_rank, strict=True) for b in pair])
    np.testing.assert_array_equal(together.indices, alone.indices)
    assert together.copies is not None
    assert alone.copies is not None
    np.testing.assert_array_equal(together.copies, alone.copies)


@pytest.mark.parametrize(("per_device", "different"), [(128, 128), (256, 256), (512, 342)])
def test_copies_are_dealt_out_to_the_micro_batches_of_a_step(
    per_device: int, different: int
) -> None:
    # as in DeiT: 8 devices of 128 images see 128 different ones each; two devices have to repeat
    sampler = TrainBatches(
        np.arange(4096), seed=1, total=1024, per_device=per_device, repeats=REPEATS
    )
    for batch in list(sampler):
        assert len(set(batch.indices.tolist())) == pytest.approx(different, abs=1)
    whole = TrainBatches(np.arange(4096), seed=1, total=1024, repeats=REPEATS)
    assert pairs_of(sampler) == pairs_of(whole)


def pairs_of(sampler: TrainBatches) -> set[tuple[int, int]]:
    """The (image, copy) pairs of an epoch."""
    epoch = samplers.joined(list(sampler))
    assert epoch.copies is not None
    return set(zip(epoch.indices.tolist(), epoch.copies.tolist(), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_every_copy_is_augmented_anew_whatever_reads_it(name: str, tree: Path) -> None:
    case = make_case(name, tree)
    repeated = copies(build(with_repeats(case)).train_dataloader())
    plain = copies(build(case).train_dataloader())
    chosen = {index for index, _ in repeated}
    assert len(chosen) == -(-len(repeated) // REPEATS)
    for index in chosen:
        if (index, 0) in plain:  # the first copy is what the image is without repeats
            assert torch.equal(repeated[index, 0], plain[index, 0])
    pairs = [(repeated[i, 0], repeated[i, 1]) for i in chosen if (i, 1) in repeated]
    different = sum(not torch.equal(first, second) for first, second in pairs)
    assert different > 0.8 * len(pairs) > 0  # two draws of a small crop may be the same one


def test_ffcv_crops_each_copy_as_torch_does(tree: Path) -> None:
    augmentation = Augmentation(
        crop="random_resized", scale=(0.5, 1.0), hflip=0.5, interpolation="bilinear"
    )
    torchs, ffcvs = (
        copies(build(with_repeats((make_case(name, tree)[0], augmentation))).train_dataloader())
        for name in ("torch", "ffcv")
    )
    assert list(torchs) == list(ffcvs)
    apart = [(torchs[name] - ffcvs[name]).abs().mean() for name in torchs]
    swapped = [(torchs[i, 0] - ffcvs[i, 1]).abs().mean() for i, copy in torchs if copy == 1]
    assert float(max(apart)) < 0.25 * float(np.median(swapped))


@pytest.mark.parametrize("name", ["memory", "ffcv"])
def test_an_epoch_depends_on_nothing_before_it(name: str, tree: Path) -> None:
    case = with_repeats(make_case(name, tree))
    straight = epochs(build(case).train_dataloader(), 0, 1, 2)
    assert len(set(straight)) == 3
    assert epochs(build(case).train_dataloader(), 2) == straight[2:]


def test_evaluation_sees_each_image_once(tree: Path) -> None:
    module = build(with_repeats(make_case("ffcv", tree)))
    assert sum(len(labels) for _, labels in module.test_dataloader()) == len(
        module.splits.test.indices
    )
