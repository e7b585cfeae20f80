"""The LightningDataModule in front of every data set."""

from __future__ import annotations

import os
from functools import cached_property, partial

import numpy as np
import torch
from lightning.pytorch import LightningDataModule

from datamodules.augment.cropping import Cropping
from datamodules.augment.custom import check_augmentations
from datamodules.augment.rand_augment import read_policy
from datamodules.catalog.resolved import Data, resolve
from datamodules.catalog.sizes import Sizes
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig, config_or_folder
from datamodules.readers.choice import Setting, finished, make_reader
from datamodules.readers.loader import Batches, ImageLoader
from datamodules.sampling.batching import accumulation, per_device_batch
from datamodules.sampling.samplers import EvalBatches, TrainBatches, rank_and_world
from datamodules.sets.sources import Source, read_data
from datamodules.sets.splits import Part, Splits, make_splits

# More of them on one device only wait for each other and hold memory.
_MOST_WORKERS = 16
# Slurm sets it where a job says how many cores a task gets.
_SLURM_CORES = "SLURM_CPUS_PER_TASK"


class ImageDataModule(LightningDataModule):
    """Train, val and test loaders of one data set for one seed.

    Batches are ((N, C, H, W) float32 normalised, (N,) int64) on the training device. The order of
    epoch e is a function of (seed, e), and the augmentation of a sample one of (seed, e, its
    index, its copy): neither depends on reader, workers, devices or what ran before. Use it with
    `Trainer(use_distributed_sampler=False)`.

    Args:
        config: which data, or what `resolve` made of it.
        augmentation: what happens to training images.
        folder: instead of `config`, a folder of one's own: train/CLASS/* with val/ or test/ beside
            train/, or CLASS/*, of which `test_fraction` is held out.
        image_size: with `folder`: side of the square input in pixels; None: 224.
        test_fraction: with `folder`: share of the images of every class that is `test`.
        batch_size: images of one optimizer step, over all devices and micro batches.
        batch_size_per_device: images that a device takes at once; None: its share of a step.
        seed: of order and augmentation; not of the splits.
        num_workers: loader processes or threads of this device; None: the cores that are there for
            it. Images in memory need none.

    Raises:
        ValueError: both or none of `config` and `folder`; an option of another kind; from `setup`,
            a batch that cannot be cut as asked; and from everything that reads data, see
            `datamodules.sets.sources.load_source`.
    """

    def __init__(
        self,
        config: DataConfig | Data | None = None,
        augmentation: Augmentation = Augmentation(),  # noqa: B008  # it is frozen
        *,
        folder: str | os.PathLike[str] | None = None,
        image_size: int | None = None,
        test_fraction: float | None = None,
        batch_size: int = 64,
        batch_size_per_device: int | None = None,
        seed: int = 0,
        num_workers: int | None = None,
    ) -> None:
        super().__init__()
        chosen: DataConfig | Data = config_or_folder(
            config, folder=folder, image_size=image_size, test_fraction=test_fraction
        )
        self.data = chosen if isinstance(chosen, Data) else resolve(chosen)
        self.config, self.info = self.data.config, self.data.info
        _check_options(augmentation, num_workers)
        self.augmentation = augmentation
        self.batch_size = batch_size
        self.batch_size_per_device = batch_size_per_device
        self.seed, self.num_workers = seed, num_workers

    @cached_property
    def source(self) -> Source:
        """The data set as it was read."""
        return read_data(self.data)

    @cached_property
    def splits(self) -> Splits:
        """Which of its images are train, val and test."""
        return make_splits(self.source, self.config)

    @property
    def num_classes(self) -> int:
        """Classes, as counted in the data."""
        return len(self.source.class_names)

    @property
    def sizes(self) -> Sizes:
        """Numbers of its classes and images."""
        parts = self.splits
        val = 0 if parts.val is None else len(parts.val.indices)
        return Sizes(self.num_classes, self.train_size, val, len(parts.test.indices))

    @property
    def test_class_images(self) -> tuple[int, int]:
        """Test images of the smallest and of the largest class."""
        part = self.splits.test
        counts = np.bincount(part.images.labels[part.indices], minlength=self.num_classes)
        return int(counts.min()), int(counts.max())

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
        """Side of the square training images in pixels, after they have grown."""
        return self.data.image_size

    @property
    def train_size(self) -> int:
        """Training images, without val."""
        return len(self.splits.train.indices)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of an epoch."""
        return self._train_batches().steps

    def accumulate(self, devices: int) -> int:
        """Micro batches of an optimizer step: the Trainer's `accumulate_grad_batches`."""
        return accumulation(self.batch_size, self.batch_size_per_device, devices)

    def setup(self, stage: str | None = None) -> None:
        """Read the data and refuse what cannot be trained on; safe to repeat."""
        del stage
        self.accumulate(rank_and_world()[1])
        self._train_batches()
        check_augmentations(self.augmentation)
        if self.augmentation.rand_augment:
            read_policy(self.augmentation.rand_augment, width=self.image_size)

    def train_dataloader(self) -> ImageLoader:
        """The training batches of this device; `.sampler.set_epoch(epoch)` chooses the epoch."""
        batches = self._train_batches()
        if self.trainer is not None:
            # Lightning makes the first iterator of a resumed run before it calls set_epoch.
            batches.set_epoch(self.trainer.current_epoch)
        return self._loader(self.splits.train, batches, train=True)

    def val_dataloader(self) -> ImageLoader | list[ImageLoader]:
        """All of val, or an empty list if nothing is held out."""
        return [] if self.splits.val is None else self._eval_loader(self.splits.val)

    def test_dataloader(self) -> ImageLoader:
        """All of test."""
        return self._eval_loader(self.splits.test)

    def predict_dataloader(self) -> ImageLoader:
        """All of test, with its classes."""
        return self.test_dataloader()

    def _train_batches(self) -> TrainBatches:
        return TrainBatches(
            self.splits.train.indices,
            seed=self.seed,
            total=self.batch_size,
            per_device=self.batch_size_per_device,
            repeats=self.augmentation.repeats,
        )

    def _eval_loader(self, part: Part) -> ImageLoader:
        total, per_device = self.batch_size, self.batch_size_per_device
        batches = EvalBatches(part.indices, total=total, per_device=per_device)
        return self._loader(part, batches, train=False)

    def _loader(self, part: Part, batches: Batches, *, train: bool) -> ImageLoader:
        device, config = self._device(), self.config
        size = self.data.image_size if train else self.data.eval_size
        setting = Setting(
            info=self.info,
            cropping=Cropping(self.augmentation, train, size, config.crop_ratio, self.seed),
            class_names=self.class_names,
            batch_size=per_device_batch(
                self.batch_size, self.batch_size_per_device, rank_and_world()[1]
            ),
            workers=self._workers(),
            on_cpu=device.type == "cpu",
            loader=self.data.loader,
        )
        finish = partial(finished, setting=setting, device=device)
        return ImageLoader(make_reader(part.images, batches, setting), batches, finish=finish)

    def _workers(self) -> int:
        if self.num_workers is not None:
            return self.num_workers
        cores = len(os.sched_getaffinity(0))
        # Slurm's tasks have cores of their own; ranks that Lightning started share theirs.
        if self.trainer is not None and _SLURM_CORES not in os.environ:
            cores //= self.trainer.num_devices
        return max(1, min(cores, _MOST_WORKERS))

    def _device(self) -> torch.device:
        """Where batches are wanted; without a Trainer in the CPU's memory."""
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device


def _check_options(augmentation: object, num_workers: int | None) -> None:
    if not isinstance(augmentation, Augmentation):
        raise ValueError(
            f"augmentation is {augmentation!r}, but it has to be an Augmentation, such as "
            "Augmentation(crop='pad', hflip=0.5)"
        )
    if num_workers is not None and num_workers < 0:
        raise ValueError(f"num_workers is {num_workers}, but it has to be 0 or more, or None")


def build_data_module(
    config: DataConfig | Data,
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
        batch_size=batch_size_per_step,
        batch_size_per_device=batch_size_per_device,
        seed=seed,
        num_workers=num_workers,
    )
    module.setup()
    return module
