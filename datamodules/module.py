"""The LightningDataModule in front of every data set."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from datamodules.batching import accumulation
from datamodules.catalog import dataset, resolve
from datamodules.config import Augmentation, DataConfig
from datamodules.datasets import BatchedDataset, LabelledBatch, make_dataset
from datamodules.samplers import EvalBatches, TrainBatches
from datamodules.sources import Source, load_source
from datamodules.splits import Part, Splits, make_splits

Loader = DataLoader[LabelledBatch]

# More of them on one device only wait for each other and hold memory.
_MOST_WORKERS = 16


class ImageDataModule(LightningDataModule):
    """Train, val and test loaders of one data set for one seed.

    Batches are ((N, C, H, W) float32 normalised, (N,) int64). The order of epoch e is a function
    of (seed, e), and the augmentation of a sample one of (seed, e, its index): neither depends on
    workers, devices or what ran before. Use it with `Trainer(use_distributed_sampler=False)`.

    Args:
        config: which data.
        augmentation: what happens to training images.
        batch_size_per_step: images of one optimizer step, over all devices and micro batches.
        batch_size_per_device: images that a device takes at once; None: its share of a step.
        seed: of order and augmentation; not of the splits.
        num_workers: loader processes of this device; None: none for images in memory, else the
            cores that are there for it.

    Raises:
        ValueError: from everything that reads data, see `datamodules.sources.load_source`.
    """

    def __init__(
        self,
        config: DataConfig,
        augmentation: Augmentation,
        *,
        batch_size_per_step: int,
        batch_size_per_device: int | None = None,
        seed: int = 0,
        num_workers: int | None = None,
    ) -> None:
        super().__init__()
        self.config, self.info = resolve(config), dataset(config)
        self.augmentation = augmentation
        self.batch_size_per_step = batch_size_per_step
        self.batch_size_per_device = batch_size_per_device
        self.seed, self.num_workers = seed, num_workers

    @cached_property
    def source(self) -> Source:
        """The data set as it was read."""
        return load_source(self.config)

    @cached_property
    def splits(self) -> Splits:
        """Which of its images are train, val and test."""
        return make_splits(self.source, self.config)

    @property
    def num_classes(self) -> int:
        """Classes, as counted in the data."""
        return len(self.source.class_names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Their names; a label is a position here."""
        return self.source.class_names

    @property
    def in_chans(self) -> int:
        """Channels of an image."""
        return self.info.in_chans

    @property
    def image_size(self) -> int:
        """Side of the square images in pixels."""
        assert self.config.image_size is not None
        return self.config.image_size

    @property
    def train_size(self) -> int:
        """Training images, without val."""
        return len(self.splits.train.indices)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of an epoch."""
        return self._train_batches().steps

    @property
    def loader(self) -> str:
        """What reads the images, for a run's provenance."""
        return self.config.loader

    def accumulate(self, devices: int) -> int:
        """Micro batches of an optimizer step: the Trainer's `accumulate_grad_batches`."""
        return accumulation(self.batch_size_per_step, self.batch_size_per_device, devices)

    def setup(self, stage: str | None = None) -> None:
        """Read the data and refuse what cannot be trained on; safe to repeat."""
        del stage
        self._train_batches()

    def train_dataloader(self) -> Loader:
        """The training batches of this device; `.sampler.set_epoch(epoch)` chooses the epoch."""
        batches = self._train_batches()
        if self.trainer is not None:
            # Lightning makes the first iterator of a resumed run before it calls set_epoch.
            batches.set_epoch(self.trainer.current_epoch)
        return self._loader(self.splits.train, batches, train=True)

    def val_dataloader(self) -> Loader | list[Loader]:
        """All of val, or an empty list if nothing is held out."""
        return [] if self.splits.val is None else self._eval_loader(self.splits.val)

    def test_dataloader(self) -> Loader:
        """All of test."""
        return self._eval_loader(self.splits.test)

    def _train_batches(self) -> TrainBatches:
        return TrainBatches(
            self.splits.train.indices,
            seed=self.seed,
            total=self.batch_size_per_step,
            per_device=self.batch_size_per_device,
        )

    def _eval_loader(self, part: Part) -> Loader:
        total, per_device = self.batch_size_per_step, self.batch_size_per_device
        batches = EvalBatches(part.indices, total=total, per_device=per_device)
        return self._loader(part, batches, train=False)

    def _loader(self, part: Part, batches: TrainBatches | EvalBatches, *, train: bool) -> Loader:
        images = make_dataset(
            part.images, self.info, self.config, self.augmentation, train=train, seed=self.seed
        )
        workers = self._workers(batched=isinstance(images, BatchedDataset))
        return DataLoader(
            images,
            batch_size=None,  # a sampler's key is a batch already
            sampler=batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self._on_cuda(),
            collate_fn=_as_is,
            # Fork shares the images in memory, and starts in milliseconds.
            multiprocessing_context="fork" if workers else None,
            # Its own generator: the seed that each iterator draws is then nobody else's.
            generator=torch.Generator(),
        )

    def _workers(self, *, batched: bool) -> int:
        if self.num_workers is not None:
            return self.num_workers
        devices = self.trainer.num_devices if self.trainer is not None else 1
        cores = len(os.sched_getaffinity(0)) // devices
        return 0 if batched else max(1, min(cores, _MOST_WORKERS))

    def _on_cuda(self) -> bool:
        if self.trainer is not None:
            return self.trainer.strategy.root_device.type == "cuda"
        return torch.cuda.is_available()


def build_data_module(
    config: DataConfig,
    augmentation: Augmentation,
    *,
    batch_size_per_step: int,
    batch_size_per_device: int | None = None,
    seed: int = 0,
    num_workers: int | None = None,
) -> ImageDataModule:
    """A data module that has read (and if need be downloaded) its data; see `ImageDataModule`."""
    module = ImageDataModule(
        config,
        augmentation,
        batch_size_per_step=batch_size_per_step,
        batch_size_per_device=batch_size_per_device,
        seed=seed,
        num_workers=num_workers,
    )
    module.setup()
    return module


def _as_is(batch: Any) -> Any:
    return batch
