"""The ways to load images: for each a function from a job to an endless supply of epochs.

All crop at random, resize to one size, flip, normalise, and give float32 batches. Library imports
stay inside: the process of one loader imports what it needs and nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ablations.bench.loader.job import MEAN, RATIO, SCALE, STD, Job

# A call gives the batches of one epoch.
Epochs = Callable[[], Iterable[Any]]


def pillow(job: Job) -> Epochs:
    """torchvision's transforms on PIL images, in a DataLoader."""
    from PIL import Image
    from torchvision import transforms

    steps = [
        transforms.RandomResizedCrop(job.side, SCALE, RATIO),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]

    def read(path: str) -> Any:
        with Image.open(path) as image:
            return transforms.Compose(steps)(image.convert("RGB"))

    return data_loader(job, job.files(), read)


def tensors(job: Job) -> Epochs:
    """torchvision's v2 transforms on tensors from its own JPEG decoder, in a DataLoader."""
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg, read_file
    from torchvision.transforms import v2

    steps = v2.Compose(
        [
            v2.RandomResizedCrop(job.side, SCALE, RATIO, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    return data_loader(
        job, job.files(), lambda path: steps(decode_jpeg(read_file(path), ImageReadMode.RGB))
    )


def timm(job: Job) -> Epochs:
    """timm's create_loader with its training transform, without its colour jitter."""
    import torch
    from PIL import Image
    from timm.data import create_loader

    files = job.files() * job.repeats
    create: Any = create_loader  # its annotations are narrower than what it takes

    class Files(torch.utils.data.Dataset[Any]):
        transform: Any = None  # create_loader sets it

        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int) -> Any:
            with Image.open(files[index]) as image:
                return self.transform(image.convert("RGB")), 0

    loader = create(
        Files(),
        (3, job.side, job.side),
        job.batch_size,
        is_training=True,
        scale=SCALE,
        ratio=RATIO,
        color_jitter=None,
        interpolation="bilinear",
        num_workers=job.workers,
        device=torch.device("cpu"),
        pin_memory=False,
        persistent_workers=True,
    )
    return lambda: loader


def dali(job: Job) -> Epochs:
    """DALI's CPU pipeline with its fused decode and random crop."""
    library: Any = importlib.import_module("nvidia.dali")  # measured if it is there
    fn, types = library.fn, library.types
    files = job.files()

    @library.pipeline_def(batch_size=job.batch_size, num_threads=job.workers, device_id=None)  # type: ignore[untyped-decorator]
    def pipeline() -> Any:
        encoded, labels = fn.readers.file(
            files=files, labels=[0] * len(files), random_shuffle=True, name="reader"
        )
        images = fn.decoders.image_random_crop(
            encoded,
            device="cpu",
            output_type=types.RGB,
            random_area=list(SCALE),
            random_aspect_ratio=list(RATIO),
        )
        images = fn.resize(
            images, resize_x=job.side, resize_y=job.side, interp_type=types.INTERP_TRIANGULAR
        )
        normalise = {"mean": [255 * m for m in MEAN], "std": [255 * s for s in STD]}
        flip = fn.random.coin_flip()
        return (
            fn.crop_mirror_normalize(
                images, dtype=types.FLOAT, output_layout="CHW", mirror=flip, **normalise
            ),
            labels,
        )

    built = pipeline()
    built.build()
    batches = len(files) * job.repeats // job.batch_size
    return lambda: (built.run()[0].as_array() for _ in range(batches))


def ffcv(job: Job) -> Epochs:
    """FFCV as it ships: its decoder, flip and normalisation, channels-last float32 batches."""
    import numpy as np
    from ffcv.fields.rgb_image import RandomResizedCropRGBImageDecoder
    from ffcv.transforms import (
        NormalizeImage,
        RandomHorizontalFlip,
        ToTensor,
        ToTorchImage,
    )

    mean, std = (np.array(values) * 255 for values in (MEAN, STD))
    return ffcv_loader(
        job,
        [
            RandomResizedCropRGBImageDecoder((job.side, job.side), SCALE, RATIO),
            RandomHorizontalFlip(),
            NormalizeImage(mean, std, np.dtype(np.float32)),
            ToTensor(),
            ToTorchImage(),
        ],
    )


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
    from datamodules.config.data import Augmentation
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


def data_loader(job: Job, items: Sequence[Any], read: Callable[[Any], Any]) -> Epochs:
    """A shuffling DataLoader over what `read` makes of each item."""
    from torch.utils.data import DataLoader, Dataset

    items = [*items] * job.repeats

    class Items(Dataset[Any]):
        def __len__(self) -> int:
            return len(items)

        def __getitem__(self, index: int) -> Any:
            return read(items[index])

    loader = DataLoader(
        Items(),
        job.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=job.workers,
        persistent_workers=True,
    )
    return lambda: loader


def ffcv_loader(job: Job, pipeline: list[Any]) -> Epochs:
    """FFCV's Loader with this pipeline for the images."""
    import numpy as np
    from ffcv.loader import Loader, OrderOption

    from datamodules.beton.file import read_beton

    beton = read_beton(job.path, manifest=False)
    loader = Loader(
        str(job.path),
        job.batch_size,
        num_workers=job.workers,
        order=OrderOption.RANDOM,
        indices=np.tile(np.arange(len(beton), dtype=np.uint64), job.repeats),
        pipelines={beton.image_field: pipeline, beton.label_field: None},
    )
    return lambda: loader
