"""Readers of data sets that fit in memory."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.catalog.catalog import paths
from datamodules.config.data import DataConfig, data_root
from datamodules.config.info import DatasetInfo
from datamodules.sets.sources import ArrayImages, Source
from datamodules.sets.splits import stratified

Pixels = NDArray[np.uint8]

FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def digits(info: DatasetInfo, config: DataConfig) -> Source:
    """The 1797 scans of scikit-learn; it has no official `test`, so a fixed fifth is that."""
    del info
    assert config.image_size is not None
    pixels, labels = _digit_scans(config.image_size)
    test = stratified(labels, round(len(labels) / 5))
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Source(
        train=ArrayImages(pixels[train], labels[train]),
        test=ArrayImages(pixels[test], labels[test]),
        class_names=tuple(map(str, range(10))),
    )


def fashion_mnist(info: DatasetInfo, config: DataConfig) -> Source:
    """Fashion-MNIST from Debian's gzipped files, or from what torchvision downloads."""
    packed = [path.parent for path in paths(config) if path.suffix == ".gz" and path.exists()]
    if any(path.exists() for path in paths(config) if path.suffix != ".gz"):
        return torchvision_arrays(info, config)
    assert config.image_size is not None
    return _packed_fashion_mnist(packed[0], config.image_size)


def torchvision_arrays(info: DatasetInfo, config: DataConfig) -> Source:
    """Any set of torchvision.datasets with `train=`, `data` and `targets` (MNIST's and CIFAR's).

    Raises:
        ValueError: the files are there but incomplete or damaged.
    """
    try:
        parts = [_torchvision(info, data_root(config), train=train) for train in (True, False)]
    except RuntimeError as error:
        found = ", ".join(str(path) for path in paths(config) if path.exists())
        raise ValueError(
            f"{info.name} in {found} is incomplete or damaged ({error}). Delete it and run again, "
            f"or {info.how_to_get.format(root=data_root(config))}."
        ) from error
    assert config.image_size is not None
    train, test = (
        ArrayImages(resized(_channels_first(part.data), config.image_size), np.array(part.targets))
        for part in parts
    )
    return Source(train=train, test=test, class_names=tuple(map(str, parts[0].classes)))


def fetch_torchvision(info: DatasetInfo, root: Path) -> None:
    """Download a set of torchvision.datasets into `root`."""
    for train in (True, False):
        _torchvision(info, root, train=train, download=True)


def resized(pixels: Pixels, size: int) -> Pixels:
    """Square images (N, C, H, W) at `size` pixels, bicubic with antialiasing, done once."""
    if pixels.shape[-2:] == (size, size):
        return pixels
    import torch
    import torch.nn.functional as F

    def part(chunk: Pixels) -> Pixels:
        image = torch.from_numpy(chunk).float()
        image = F.interpolate(image, (size, size), mode="bicubic", antialias=True)
        return image.round().clamp(0, 255).byte().numpy()

    return np.concatenate([part(pixels[i : i + 4096]) for i in range(0, len(pixels), 4096)])


@lru_cache(maxsize=2)  # a worker process that trains several runs reads its set once
def _digit_scans(size: int) -> tuple[Pixels, NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    scans = load_digits()
    pixels = np.round(scans.images * (255 / 16)).astype(np.uint8)[:, None]
    return resized(pixels, size), scans.target.astype(np.int64)


@lru_cache(maxsize=2)
def _packed_fashion_mnist(folder: Path, size: int) -> Source:
    def images(part: str) -> ArrayImages:
        pixels = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
        labels = _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)
        return ArrayImages(resized(pixels, size), labels.astype(np.int64))

    return Source(train=images("train"), test=images("t10k"), class_names=FASHION_CLASSES)


def _idx(path: Path, header: int) -> Pixels:
    try:
        with gzip.open(path) as file:
            return np.frombuffer(bytearray(file.read()), np.uint8, offset=header)
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read ({error}): install its package again.") from error


def _torchvision(info: DatasetInfo, root: Path, *, train: bool, download: bool = False) -> Any:
    import torchvision

    assert info.torchvision is not None
    return getattr(torchvision.datasets, info.torchvision)(root, train=train, download=download)


def _channels_first(data: Any) -> Pixels:
    pixels: Pixels = np.asarray(data)
    return (
        pixels[:, None] if pixels.ndim == 3 else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    )
