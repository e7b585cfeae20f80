"""Which samples are in which batch: pure functions of (seed, epoch), whatever the devices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch.distributed
from torch.utils.data import Sampler

from datamodules.sampling.batching import accumulation, per_device_batch
from datamodules.sampling.random_streams import Draw, Integers, Stream, batch_draws, shuffled

# Between the draws of an image's copies: more than any data set has images.
_COPY = 1 << 40


class Batch(NamedTuple):
    """What a reader needs to know to make a batch.

    Attributes:
        epoch: of the draws.
        indices: (N,) of the images in their part.
        copies: (N,) counted from 0, which of the epoch's copies of its image each is; None: there
            is one of each.
    """

    epoch: int
    indices: Integers
    copies: Integers | None = None

    def draw(self, seed: int) -> Draw:
        """The draws of the batch: every copy of an image has its own."""
        keys = self.indices if self.copies is None else self.indices + self.copies * _COPY
        return batch_draws(seed=seed, epoch=self.epoch, indices=keys)


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches of one epoch as one."""
    indices = np.concatenate([batch.indices for batch in batches])
    copies = [batch.copies for batch in batches if batch.copies is not None]
    return Batch(batches[0].epoch, indices, np.concatenate(copies) if copies else None)


class TrainBatches(Sampler[Batch]):
    """The batches of one epoch on this device.

    Optimizer step k of an epoch sees order[k * total : (k + 1) * total] over all devices, cut into
    W = total / per_device micro batches: number m takes places m, m + W, m + 2W, ... of the step.
    Micro batch a of rank r is number a * devices + r, so each is the same on any number of devices.
    An epoch has n // total steps; another epoch leaves out other samples. Rank and number of
    devices are those of torch.distributed when iteration starts.

    With `repeats` every image of the order stands in it that many times in a row, and the first n
    places of that are the epoch: repeated augmentation (Hoffer et al. 2020) as DeiT has it, where
    an epoch sees n / repeats images. A step of W >= repeats micro batches has no image twice in one
    of them: there its sampler, too, deals the copies out to different devices.

    Raises:
        ValueError: there are fewer images than one step takes.
    """

    def __init__(
        self,
        indices: Integers,
        *,
        seed: int,
        total: int,
        per_device: int | None = None,
        repeats: int = 1,
    ) -> None:
        if len(indices) < total:
            raise ValueError(
                f"recipe.batch_size={total} is more than the {len(indices)} training images, so "
                f"that an epoch has no step: set recipe.batch_size to at most {len(indices)}."
            )
        self.indices, self.seed = indices, seed
        self.total, self.per_device, self.repeats = total, per_device, repeats
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; Lightning calls this before each one."""
        self.epoch = epoch

    @property
    def steps(self) -> int:
        """Optimizer steps of an epoch."""
        return len(self.indices) // self.total

    def __len__(self) -> int:
        return self.steps * accumulation(self.total, self.per_device, rank_and_world()[1])

    def __iter__(self) -> Iterator[Batch]:
        rank, world = rank_and_world()
        epoch, size = self.epoch, per_device_batch(self.total, self.per_device, world)
        order = shuffled(Stream.ORDER, seed=self.seed, epoch=epoch, indices=self.indices)
        stride = self.total // size
        for number in range(rank, self.steps * stride, world):
            step, micro = divmod(number, stride)
            places = step * self.total + micro + stride * np.arange(size)
            copies = places % self.repeats if self.repeats > 1 else None
            yield Batch(epoch, order[places // self.repeats], copies)


class EvalBatches(Sampler[Batch]):
    """Every sample once over all devices, in a fixed order.

    Every device gets the same number of batches, since DistributedDataParallel synchronises
    buffers in each forward pass; nothing is repeated to fill up, so sizes may differ by one.

    Raises:
        ValueError: when iterated, if there are fewer samples than devices.
    """

    def __init__(self, indices: Integers, *, total: int, per_device: int | None = None) -> None:
        self.indices = indices
        self.total, self.per_device = total, per_device

    def __len__(self) -> int:
        world = rank_and_world()[1]
        if len(self.indices) < world:
            raise ValueError(
                f"{len(self.indices)} evaluation images cannot be shared by {world} devices: "
                "use fewer devices, or raise data.val_fraction or data.test_limit."
            )
        size = per_device_batch(self.total, self.per_device, world)
        # At one image a batch the device with fewer images would end on an empty one.
        return min(
            math.ceil(math.ceil(len(self.indices) / world) / size), len(self.indices) // world
        )

    def __iter__(self) -> Iterator[Batch]:
        rank, world = rank_and_world()
        for indices in np.array_split(self.indices[rank::world], len(self)):
            yield Batch(0, indices)


def rank_and_world() -> tuple[int, int]:
    """This process's rank and the number of processes, as torch.distributed has them now."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()
