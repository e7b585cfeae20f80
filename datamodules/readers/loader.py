"""The one loader that a Trainer sees, whatever reads the images."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, Protocol

from torch import Tensor

from datamodules.sampling.samplers import Batch, EvalBatches, TrainBatches

LabelledBatch = tuple[Tensor, Tensor]
Batches = TrainBatches | EvalBatches


class RawBatch(NamedTuple):
    """A batch as a reader gives it; its memory may be used again for the next one.

    Attributes:
        images: (N, C, H, W), cropped, resized and flipped, of any memory format: uint8, or float32
            that is normalised already.
        labels: (N,) int64.
        batch: what was asked for, for the draws of what is left to do.
    """

    images: Tensor
    labels: Tensor
    batch: Batch


class Reader(Protocol):
    """Something that reads the batches of one epoch."""

    name: str

    def read(self, batches: Batches) -> Generator[RawBatch, None, None]:
        """The batches in order, lazily; closing the generator ends every thread of it."""


class ImageLoader:
    """The batches of one part of a data set, ready for training.

    Iterating starts nothing before the first batch is taken, so that a probe consumes nothing;
    what runs in the background ends with the iterator, also when it is left early.

    Attributes:
        reader: where images come from.
        sampler: which are in which batch; `sampler.set_epoch` chooses the epoch.
    """

    batch_sampler = None  # Lightning asks for it where there is a sampler

    def __init__(
        self, reader: Reader, sampler: Batches, *, finish: Callable[[RawBatch], LabelledBatch]
    ) -> None:
        self.reader, self.sampler, self._finish = reader, sampler, finish

    def __len__(self) -> int:
        """Batches of an epoch on this device."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[LabelledBatch]:
        """Yield ((N, C, H, W) float32 normalised, (N,) int64) on the training device."""
        batches = self.reader.read(self.sampler)
        try:
            for batch in batches:
                yield self._finish(batch)
        finally:
            batches.close()
