"""FFCV's Loader, made safe: batches that we choose, errors that reach the caller, threads that end.

FFCV starts a thread for each epoch. As it ships, an exception in it leaves the caller waiting for
ever, an epoch that is left early leaves the thread behind, and a damaged image goes unnoticed.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ffcv.loader.loader as ffcv_loader_module
import numba
import numpy as np
import torch
from ffcv.loader import Loader
from ffcv.loader.epoch_iterator import EpochIterator
from ffcv.memory_managers.os_cache import OSCacheContext, OSCacheManager
from ffcv.pipeline.compiler import Compiler

from datamodules.beton.file import Beton
from datamodules.decoding.ffcv_decoder import PlainCropDecoder, StockCropDecoder
from datamodules.decoding.ffcv_import import kept_threads
from datamodules.sampling.random_streams import Integers

# Batches that are ready before they are asked for.
AHEAD = 3


class BatchLoader(Loader):  # type: ignore[misc]  # FFCV has no types
    """A Loader of one image field whose batches are given.

    Args:
        beton: a checked file.
        decoder: for the images.
        batch_size: the largest of any batch.
        threads: of FFCV's own operations.
        check: called in the loader's thread with the decoder's codes and the samples of each batch.
    """

    def __init__(
        self,
        beton: Beton,
        decoder: PlainCropDecoder | StockCropDecoder,
        *,
        batch_size: int,
        threads: int,
        check: Callable[[Integers, Integers], None],
    ) -> None:
        from ffcv.transforms import ToTensor

        self.compiles = isinstance(decoder, StockCropDecoder)
        with kept_threads(), self._compiler(), _light_memory():
            super().__init__(
                str(beton.path),
                batch_size,
                num_workers=threads,
                pipelines={beton.image_field: [decoder, ToTensor()], beton.label_field: None},
                batches_ahead=AHEAD,
                seed=0,  # unused; without one, FFCV draws from NumPy's global generator
            )
        self.decoder, self.check = decoder, check
        self._running: _Epoch | None = None
        self._memory: tuple[int, Any] | None = None
        self._fresh_memory = self.graph.allocate_memory
        self.graph.allocate_memory = self._allocate

    def epoch(self, batches: Sequence[Integers]) -> Generator[torch.Tensor, None, None]:
        """The images of each batch, in order; valid until the next one is taken.

        Lazy: no thread starts before the first batch is taken, and it has ended when this
        generator is exhausted or closed. A new epoch ends the one before.

        Raises:
            ValueError: from `check`.
            RuntimeError: another epoch of this loader has begun.
        """
        if not batches:
            return
        if self._running is not None:
            self._running.finish()
        with kept_threads(), self._compiler():
            thread = self._running = _Epoch(self, _Pieces(batches, self.batch_size))
        try:
            yield from (images for (images,) in thread)
        finally:
            thread.finish()
            if self._running is thread:
                self._running = None

    def _allocate(self, *sizes: int) -> Any:
        """Memory for an epoch's batches: that of the last epoch, if images had the same size.

        New memory costs a page fault every few kilobytes, which shows where decoding is cheap.
        """
        side = self.decoder.side
        if self._memory is None or self._memory[0] != side:
            self._memory = side, self._fresh_memory(*sizes)
        else:
            self.graph.collect_requirements()  # what an epoch begins with, without the memory
        return self._memory[1]

    @contextmanager
    def _compiler(self) -> Iterator[None]:
        before = Compiler.is_enabled
        Compiler.set_enabled(self.compiles)
        try:
            yield
        finally:
            Compiler.set_enabled(before)


class _LightMemory(OSCacheManager):  # type: ignore[misc]  # FFCV has no types
    """FFCV's reading through the system's cache, without its map of pages to samples.

    Only other managers and orders use that map; for a million samples it takes seconds and hundreds
    of megabytes in every loader.
    """

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        order = np.argsort(reader.alloc_table["ptr"], kind="stable")
        self.ptrs = reader.alloc_table["ptr"][order]
        self.sizes = reader.alloc_table["size"][order]
        self.context = OSCacheContext(self)


@contextmanager
def _light_memory() -> Iterator[None]:
    kept = ffcv_loader_module.OSCacheManager
    ffcv_loader_module.OSCacheManager = _LightMemory
    try:
        yield
    finally:
        ffcv_loader_module.OSCacheManager = kept


class _Pieces(Sequence[Any]):
    """Batches as what FFCV cuts into pieces of one size: a slice is a batch."""

    def __init__(self, batches: Sequence[Integers], size: int) -> None:
        self.batches, self.size = batches, size

    def __len__(self) -> int:
        return len(self.batches) * self.size

    def __getitem__(self, piece: Any) -> Any:
        return self.batches[piece.start // self.size]


class _Stopped(Exception):
    """The epoch was left early."""


class _Epoch(EpochIterator):  # type: ignore[misc]  # FFCV has no types
    """One epoch's thread."""

    error: BaseException | None = None

    def run(self) -> None:
        """Decode batch after batch; what goes wrong is raised where the batches are taken."""
        slots = self.loader.batches_ahead + 2
        if self.loader.compiles:  # numba counts its threads for each thread that calls it
            numba.set_num_threads(self.loader.num_workers)
        try:
            for number, indices in enumerate(self.iter_ixes):
                slot = number % slots
                result = self.run_pipeline(number, indices, slot, None)
                self.loader.check(self.loader.decoder.codes, indices)
                self._hand_over((slot, result))
        except _Stopped:
            return
        except BaseException as error:
            self.error = error
        try:
            self._hand_over(None)
        except _Stopped:
            return

    def _hand_over(self, item: Any) -> None:
        while True:
            if self.terminate_event.is_set():
                raise _Stopped
            try:
                self.output_queue.put(item, timeout=0.05)
            except queue.Full:
                continue
            return

    def __next__(self) -> Any:
        if self.terminate_event.is_set():
            raise RuntimeError("another epoch of this loader has begun, which ended this one")
        try:
            return super().__next__()
        except StopIteration:
            if self.error is not None:
                raise self.error from None
            raise

    def finish(self) -> None:
        """Stop, and wait until the thread has ended and its memory is free."""
        self.terminate_event.set()
        self.join()
        self.close()
        self.memory_allocations = None
