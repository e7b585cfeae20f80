"""What several ways to load images share: a DataLoader and FFCV's Loader, as supplies of epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ablations.bench.loader.job import Job

# A call gives the batches of one epoch.
Epochs = Callable[[], Iterable[Any]]


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
