"""The images of a `.beton` as a source: left in the file, or in memory where they are small."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datamodules.beton.file import Beton, read_beton
from datamodules.catalog.loader_choice import beton_path
from datamodules.config.data import DataConfig
from datamodules.config.info import DatasetInfo
from datamodules.decoding.ffcv_import import check_installed
from datamodules.sets.arrays import resized
from datamodules.sets.sources import ArrayImages, BetonImages, Images, Source


def beton_images(info: DatasetInfo, config: DataConfig) -> Source:
    """The parts of the file that the config names, in memory if its loader is `memory`.

    Raises:
        ValueError: it is no whole beton, it lacks `train` or `test`, or FFCV is not installed.
    """
    if config.loader == "ffcv":
        check_installed()
    path = beton_path(config)
    beton = read_beton(path)
    assert beton.manifest is not None
    ranges = beton.manifest.ranges
    lacking = [name for name in ("train", "test") if not ranges.get(name)]
    if lacking:
        raise ValueError(
            f"{path} has no images for {' and '.join(lacking)}, but only for "
            f"{', '.join(name for name in ranges if ranges[name])}: write it from a data set with "
            "train and test."
        )
    parts = {name: _images(beton, samples, info, config) for name, samples in ranges.items()}
    return Source(
        train=parts["train"],
        test=parts["test"],
        val=parts.get("val"),
        class_names=beton.manifest.class_names,
    )


def _images(beton: Beton, samples: range, info: DatasetInfo, config: DataConfig) -> Images:
    images = BetonImages(beton, samples)
    if config.loader != "memory":
        return images
    assert config.image_size is not None
    pixels = np.ascontiguousarray(raw_pixels(images)[:, : info.in_chans])
    return ArrayImages(resized(pixels, config.image_size), images.labels)


def raw_pixels(images: BetonImages) -> NDArray[np.uint8]:
    """The pixels of raw samples of one size, (N, 3, H, W)."""
    beton, samples = images.beton, images.samples
    first = samples.start
    height, width = int(beton.heights[first]), int(beton.widths[first])
    mapped = np.memmap(beton.path, np.uint8, mode="r")
    pixels = np.empty((len(samples), 3, height, width), np.uint8)
    for row, sample in enumerate(samples):
        start = int(beton.offsets[sample])
        image = mapped[start : start + height * width * 3].reshape(height, width, 3)
        pixels[row] = image.transpose(2, 0, 1)
    return pixels
