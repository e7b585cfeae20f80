"""Data modules over small sets for the tests of the readers, and digests of what they give."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import ImageDataModule, build_data_module
from datamodules.readers.loader import ImageLoader
from datamodules.sampling.samplers import TrainBatches
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import write_tree

Case = tuple[DataConfig, Augmentation]

BATCHED = Augmentation(crop="pad", pad=2, hflip=0.5, random_erasing=0.25)
RESIZED = Augmentation(
    crop="random_resized", hflip=0.5, rand_augment="rand-m9-mstd0.5-inc1", random_erasing=0.25
)
DIGITS = DataConfig(name="digits", train_limit=200, test_limit=40)
CASES = ("memory", "torch on arrays", "torch", "ffcv")


def write_both(folder: Path, *, images: int = 20, encode: str = "original") -> Path:
    """FOLDER/tree, and beside it FOLDER/tree.beton with the same images."""
    tree = write_tree(folder / "tree", images=images)
    write_from(tree, folder / "tree.beton", encode=encode)
    return tree


def make_case(name: str, tree: Path) -> Case:
    """A config for each reader; `tree` is from `write_both`."""
    files = DataConfig(name="image_folder", folder=str(tree), image_size=32, loader="torch")
    beton = DataConfig(name="image_folder", folder=str(tree), image_size=32, loader="ffcv")
    return {
        "memory": (DIGITS, BATCHED),
        "torch on arrays": (DIGITS, RESIZED),
        "torch": (files, RESIZED),
        "ffcv": (beton, RESIZED),
    }[name]


def build(case: Case, *, seed: int = 1, workers: int | None = 0) -> ImageDataModule:
    """Batches of 16 images, in micro batches of 8."""
    return build_data_module(
        *case,
        batch_size_per_step=16,
        batch_size_per_device=8,
        seed=seed,
        num_workers=workers,
    )


def val_of(module: ImageDataModule) -> ImageLoader:
    """The loader of val, which has to be there."""
    loader = module.val_dataloader()
    assert isinstance(loader, ImageLoader)
    return loader


def digest(loader: ImageLoader) -> str:
    """A hash of all batches, each checked for its types."""
    result = hashlib.sha256()
    for images, labels in loader:
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert len(images) == len(labels)
        result.update(images.contiguous().numpy().tobytes() + labels.numpy().tobytes())
    return result.hexdigest()


def epochs(loader: ImageLoader, *numbers: int) -> list[str]:
    """The digests of some training epochs."""
    digests = []
    for number in numbers:
        choose(loader, number)
        digests.append(digest(loader))
    return digests


def by_index(loader: ImageLoader, epoch: int) -> dict[int, Tensor]:
    """Each image of a training epoch under its index."""
    indices = choose(loader, epoch)
    images = torch.cat([images for images, _ in loader])
    return dict(zip(indices, images, strict=True))


def choose(loader: ImageLoader, epoch: int) -> list[int]:
    """Set the epoch; the indices of its images in order."""
    assert isinstance(loader.sampler, TrainBatches)
    loader.sampler.set_epoch(epoch)
    return [int(index) for batch in loader.sampler for index in batch.indices]


def threads() -> int:
    """Threads of this process, also those that Python did not start."""
    return len(list(Path("/proc/self/task").iterdir()))
