"""This project's ways to load images, and the decode that none can do without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablations.bench.loader.epoch_loaders import Epochs
from ablations.bench.loader.job import MEAN, RATIO, SCALE, STD, Job


def ours(job: Job) -> Epochs:
    """This project's FFCV loader with the compiled decoder: float32 (N, C, H, W) batches."""
    return _ours(job, floats=True)


def ours_uint8(job: Job) -> Epochs:
    """The same, uint8 (N, H, W, C) batches, to be normalised on a GPU."""
    return _ours(job, floats=False)


def full_decode(job: Job) -> Epochs:
    """No loader: only the full decode of every image by libjpeg-turbo, in one thread."""
    import numpy as np

    from datamodules.decoding import native
    from datamodules.decoding.decode import image_size

    samples = [(Path(name).read_bytes(), *image_size(name)) for name in job.files()]
    order = np.random.default_rng(0).permutation(np.tile(np.arange(len(samples)), job.repeats))

    def epoch() -> Iterator[Any]:
        batches = len(order) // job.batch_size
        for indices in order[: batches * job.batch_size].reshape(batches, -1):
            for index in indices:
                data, width, height = samples[index]
                native.decode(data, height=height, width=width)
            yield indices

    return epoch


def _ours(job: Job, *, floats: bool) -> Epochs:
    import numpy as np

    from datamodules.augment.geometry import train_crops
    from datamodules.beton.file import read_beton
    from datamodules.config.augmentation import Augmentation
    from datamodules.decoding.ffcv_import import import_ffcv
    from datamodules.decoding.native import Layout
    from datamodules.sampling.random_streams import batch_draws

    import_ffcv()
    from datamodules.decoding.ffcv_decoder import PlainCropDecoder
    from datamodules.readers.ffcv_loader import BatchLoader

    beton = read_beton(job.path, manifest=False)
    samples = np.arange(len(beton))
    augmentation = Augmentation(crop="random_resized", hflip=0.5, scale=SCALE, ratio=RATIO)
    normalise: dict[str, Any] = {"planar": True, "mean": MEAN, "std": STD} if floats else {}
    layout = Layout(interpolation="bilinear", **normalise)
    number = 0

    def crops() -> Any:
        draw = batch_draws(seed=0, epoch=number, indices=samples)
        heights, widths = (a.astype(np.int64) for a in (beton.heights, beton.widths))
        return train_crops(augmentation, heights, widths, side=job.side, crop_ratio=1.0, draw=draw)

    decoder = PlainCropDecoder(crops(), side=job.side, layout=layout, threads=job.workers)
    loader = BatchLoader(
        beton, decoder, batch_size=job.batch_size, threads=1, check=lambda codes, batch: None
    )

    def epoch() -> Iterator[Any]:
        nonlocal number
        number += 1
        decoder.crops[:] = crops()
        order = np.random.default_rng(number).permutation(np.tile(samples, job.repeats))
        count = len(order) // job.batch_size
        yield from loader.epoch(list(order[: count * job.batch_size].reshape(count, -1)))

    return epoch
