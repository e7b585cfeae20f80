"""Other projects' ways to load images: for each a function from a job to a supply of epochs.

All crop at random, resize to one size, flip, normalise, and give float32 batches. Library imports
stay inside: the process of one loader imports what it needs and nothing else.
"""

from __future__ import annotations

import importlib
from typing import Any

from ablations.bench.loader.epoch_loaders import Epochs, data_loader, ffcv_loader
from ablations.bench.loader.job import MEAN, RATIO, SCALE, STD, Job


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
