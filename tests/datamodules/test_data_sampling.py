"""Batches: every device count gives the same steps, and evaluation sees each sample once."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed
from hypothesis import given
from hypothesis import strategies as st

from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import build_data_module
from datamodules.sampling import samplers
from datamodules.sampling.batching import accumulation
from datamodules.sampling.samplers import EvalBatches, TrainBatches

WORLDS = (1, 2, 4)


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    monkeypatch.setattr(samplers, "rank_and_world", lambda: (rank, world))


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


def steps(
    patch: pytest.MonkeyPatch, sampler: TrainBatches, world: int
) -> list[list[np.ndarray[tuple[int], np.dtype[np.int64]]]]:
    """For each optimizer step the micro batches of all ranks, in the order of the whole batch."""
    micro = accumulation(sampler.total, sampler.per_device, world)
    by_rank = []
    for rank in range(world):
        as_rank(patch, rank, world)
        assert len(sampler) == sampler.steps * micro
        batches = [batch.indices for batch in sampler]
        assert len(batches) == len(sampler)
        by_rank.append(batches)
    return [
        [by_rank[rank][step * micro + a] for a in range(micro) for rank in range(world)]
        for step in range(sampler.steps)
    ]


@pytest.mark.parametrize("per_device", [2, 4])
@pytest.mark.parametrize("count", [64, 70, 79])
def test_every_micro_batch_is_the_same_images_on_any_number_of_devices(
    patch: pytest.MonkeyPatch, per_device: int, count: int
) -> None:
    sampler = TrainBatches(np.arange(count) * 3, seed=1, total=16, per_device=per_device)
    assert sampler.steps == 4
    alone = steps(patch, sampler, 1)
    for world in WORLDS:
        np.testing.assert_array_equal(steps(patch, sampler, world), alone)
    as_rank(patch, 0, 1)
    whole = TrainBatches(sampler.indices, seed=1, total=16)
    for micro, step in zip(alone, whole, strict=True):
        assert set(np.concatenate(micro).tolist()) == set(step.indices.tolist())
    seen = np.concatenate([batch.indices for batch in whole])
    assert len(set(seen.tolist())) == len(seen) == 64
    assert np.isin(seen, sampler.indices).all()


def test_a_whole_batch_at_once_is_not_cut_by_the_number_of_devices(
    patch: pytest.MonkeyPatch,
) -> None:
    as_rank(patch, 1, 2)
    sampler = TrainBatches(np.arange(64), seed=1, total=16)
    with pytest.raises(ValueError, match=r"hardware.devices=2 set it to 8 or a divisor"):
        next(iter(sampler))


def test_micro_batches_have_the_size_of_a_device(patch: pytest.MonkeyPatch) -> None:
    sampler = TrainBatches(np.arange(64), seed=1, total=16, per_device=2)
    assert {len(batch) for step in steps(patch, sampler, 4) for batch in step} == {2}


def test_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = TrainBatches(np.arange(64), seed=seed, total=16)
        sampler.set_epoch(epoch)
        return np.concatenate([batch.indices for batch in sampler]).tolist()  # type: ignore[no-any-return]

    assert order(0, 3) == order(0, 3)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1, 2)}) == 6


def test_what_an_epoch_leaves_out_changes() -> None:
    sampler = TrainBatches(np.arange(70), seed=1, total=64)
    left_out = []
    for epoch in range(5):
        sampler.set_epoch(epoch)
        left_out.append(frozenset(range(70)) - {i for batch in sampler for i in batch.indices})
    assert len(set(left_out)) == 5


def test_probing_and_stopping_early_consume_nothing() -> None:
    sampler = TrainBatches(np.arange(64), seed=1, total=16)
    sampler.set_epoch(2)
    whole = [batch.indices.tolist() for batch in sampler]
    iter(sampler)
    next(iter(sampler))
    assert [batch.indices.tolist() for batch in sampler] == whole
    assert [batch.epoch for batch in sampler] == [2] * 4


def test_fewer_images_than_a_batch_say_what_to_set() -> None:
    message = r"recipe.batch_size=128 is more than the 100 training images.*at most 100"
    with pytest.raises(ValueError, match=message):
        TrainBatches(np.arange(100), seed=0, total=128)


def test_a_batch_that_devices_cannot_share_is_refused_when_iterated(
    patch: pytest.MonkeyPatch,
) -> None:
    sampler = TrainBatches(np.arange(100), seed=0, total=10)
    as_rank(patch, 0, 4)
    with pytest.raises(ValueError, match=r"hardware.devices=4"):
        len(sampler)


@given(count=st.integers(1, 200), size=st.integers(1, 16), world=st.sampled_from([1, 2, 3, 4]))
def test_evaluation_sees_each_sample_once_in_equally_many_batches(
    count: int, size: int, world: int
) -> None:
    sampler = EvalBatches(np.arange(count) + 7, total=size * world, per_device=size)
    with pytest.MonkeyPatch.context() as patch:
        if count < world:
            as_rank(patch, 0, world)
            with pytest.raises(ValueError, match="cannot be shared by"):
                list(sampler)
            return
        by_rank = []
        for rank in range(world):
            as_rank(patch, rank, world)
            by_rank.append([batch.indices for batch in sampler])
            assert len(by_rank[-1]) == len(sampler)
    assert len({len(batches) for batches in by_rank}) == 1
    sizes = [len(indices) for batches in by_rank for indices in batches]
    assert 1 <= min(sizes) <= max(sizes) <= max(size, 2)
    seen = np.concatenate([indices for batches in by_rank for indices in batches])
    np.testing.assert_array_equal(np.sort(seen), np.arange(count) + 7)


def test_evaluation_on_one_device_is_in_order() -> None:
    sampler = EvalBatches(np.arange(10), total=4)
    assert [batch.indices.tolist() for batch in sampler] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert {batch.epoch for batch in sampler} == {0}


def gloo_rank(rank: int, folder: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    module = build_data_module(
        DataConfig(), Augmentation(), batch_size_per_step=64, batch_size_per_device=16, seed=1
    )
    val, train = module.val_dataloader(), module.train_dataloader()
    assert not isinstance(val, list)
    result = {
        "sums": torch.cat([images.sum(dim=(1, 2, 3)) for images, _ in val]),
        "batches": len(list(val)),
        "train": [batch.indices.tolist() for batch in train.sampler],
        "train_batches": len(train),
    }
    torch.save(result, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_share_train_and_cover_val_once(tmp_path: Path) -> None:
    # Forked, since two more imports of torch and lightning take longer than all other tests here.
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=gloo_rank, args=(rank, str(tmp_path))) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0]
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]

    alone = build_data_module(
        DataConfig(), Augmentation(), batch_size_per_step=64, batch_size_per_device=16, seed=1
    )
    val = alone.val_dataloader()
    assert not isinstance(val, list)
    sums = torch.cat([images.sum(dim=(1, 2, 3)) for images, _ in val])
    together = torch.cat([rank["sums"] for rank in ranks])
    assert torch.equal(together.sort().values, sums.sort().values)
    assert len(sums) == 180
    assert ranks[0]["batches"] == ranks[1]["batches"]

    here = [batch.indices.tolist() for batch in alone.train_dataloader().sampler]
    there = [
        indices for pair in zip(*(rank["train"] for rank in ranks), strict=True) for indices in pair
    ]
    assert here == there
    assert [rank["train_batches"] for rank in ranks] == [len(here) // 2] * 2
