"""FFCV operations that decode an image into a crop which is known beforehand.

Both are decoders for a stock `ffcv.Loader` on a stock `.beton`: `CropDecoder` is one call of the
compiled decoder, `StockCropDecoder` is put together from FFCV's own functions, for where that is
not built. Crops and flips come from a table with a row for each sample, so that pixels depend on
no thread and no generator. A table may hold that several times, for several copies of a sample: the
loader is then asked for rows, and row % samples is the sample. Import FFCV through `ffcv_import`
first: it is faster.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from ffcv.fields.rgb_image import IMAGE_MODES, SimpleRGBImageDecoder
from ffcv.libffcv import imdecode, resize_crop
from ffcv.pipeline.allocation_query import AllocationQuery
from ffcv.pipeline.compiler import Compiler
from ffcv.pipeline.state import State
from ffcv.utils import cast_int_to_byte_ptr
from numba import carray  # type: ignore[attr-defined]
from numpy.typing import NDArray

from datamodules.augment.geometry import Crops
from datamodules.decoding import native
from datamodules.decoding.native import Layout

Stage = tuple[State, tuple[AllocationQuery, ...]]
NO_LAYOUT = Layout()
_BOX = ("top", "left", "bottom", "right", "flip")


class CropDecoder(SimpleRGBImageDecoder):  # type: ignore[misc]  # FFCV has no types
    """Crop, resize and flip by the compiled decoder, in threads of its own.

    Output is (N, H, W, C), or (N, C, H, W) if `layout.planar`: uint8, or float32 if the layout
    normalises.

    Attributes:
        crops: (rows,) of `geometry.CROP`; write the rows of an epoch before it starts.
        codes: (rows,) uint8, what went wrong with each row, see `native.PROBLEMS`. Pixels of
            a failed sample are zeros. A stock Loader cannot raise: look here after each batch.
        side: of the output in pixels; a change counts from the next epoch on.

    Raises:
        ValueError: the compiled decoder is not there.
    """

    def __init__(
        self, crops: Crops, *, side: int, layout: Layout = NO_LAYOUT, threads: int = 1
    ) -> None:
        super().__init__()
        native.required()
        self.crops, self.side, self.layout = crops, side, layout
        self.codes: NDArray[np.uint8] = np.zeros(len(crops), np.uint8)
        self.options = native.options(
            layout, crops=crops, codes=self.codes, side=side, threads=threads
        )

    def declare_state_and_memory(self, previous_state: State) -> Stage:
        """The output's shape and type, and memory for it and for the batch's list of jobs."""
        side = self.options.side = self.side
        shape = (3, side, side) if self.layout.planar else (side, side, 3)
        dtype = np.dtype(np.float32 if self.options.floats else np.uint8)
        state = replace(previous_state, jit_mode=True, shape=shape, dtype=dtype)
        jobs = AllocationQuery((native.JOB_FIELDS,), np.dtype(np.int64))
        return state, (AllocationQuery(shape, dtype), jobs)

    def generate_code(self) -> Callable[..., Any]:
        """What numba compiles: list the batch's bytes, then one call."""
        read, crop_batch = self.memory_read, native.required().crop_batch
        options = np.uintp(ctypes.addressof(self.options))

        def decode(batch_indices: Any, memory: Any, metadata: Any, storage_state: Any) -> Any:
            destination, jobs = memory
            for i in range(len(batch_indices)):
                field = metadata[batch_indices[i] % len(metadata)]
                data = read(field["data_ptr"], storage_state)
                jobs[i, 0] = data.ctypes.data
                jobs[i, 1] = data.size
                jobs[i, 2] = field["mode"]
                jobs[i, 3] = field["height"]
                jobs[i, 4] = field["width"]
                jobs[i, 5] = batch_indices[i]
            crop_batch(options, jobs.ctypes.data, len(batch_indices), destination.ctypes.data)
            return destination[: len(batch_indices)]

        return decode


class PlainCropDecoder(CropDecoder):
    """`CropDecoder` for a Loader that compiles nothing (and reads through the system's cache).

    The first batch comes seconds sooner, and listing a batch costs as little in NumPy.
    """

    def generate_code(self) -> Callable[..., Any]:
        """The batch's list by array operations, then the same call."""
        crop_batch, options = native.required().crop_batch, ctypes.addressof(self.options)

        def decode(batch_indices: Any, memory: Any, metadata: Any, storage_state: Any) -> Any:
            destination, jobs = memory
            mapped, addresses, sizes = storage_state
            rows = metadata[batch_indices % len(metadata)]
            pointers = rows["data_ptr"]
            jobs[:, 0] = pointers + np.uint64(mapped.ctypes.data)
            jobs[:, 1] = sizes[np.searchsorted(addresses, pointers)]
            for column, name in enumerate(("mode", "height", "width"), start=2):
                jobs[:, column] = rows[name]
            jobs[:, 5] = batch_indices
            crop_batch(options, jobs.ctypes.data, len(jobs), destination.ctypes.data)
            return destination

        return decode


class StockCropDecoder(SimpleRGBImageDecoder):  # type: ignore[misc]  # FFCV has no types
    """The same crops by FFCV's own decode and resize (INTER_AREA), for a Loader with `threads`.

    Output is (N, H, W, C) uint8. Attributes as `CropDecoder`; FFCV reports no damaged image, so
    `codes` stays 0.
    """

    def __init__(self, crops: Crops, *, side: int) -> None:
        super().__init__()
        self.crops, self.side = crops, side
        self.codes: NDArray[np.uint8] = np.zeros(len(crops), np.uint8)
        self._boxes = np.zeros((len(crops), len(_BOX)), np.int64)

    def declare_state_and_memory(self, previous_state: State) -> Stage:
        """The output's shape, and memory for it and for the largest whole image of each slot.

        FFCV asks at the start of every epoch: the crops are taken over here.
        """
        for column, name in enumerate(_BOX):
            self._boxes[:, column] = np.round(self.crops[name])
        shape, dtype = (self.side, self.side, 3), np.dtype(np.uint8)
        largest = np.uint64(3) * self.metadata["height"].max() * self.metadata["width"].max()
        state = replace(previous_state, jit_mode=True, shape=shape, dtype=dtype)
        return state, (AllocationQuery(shape, dtype), AllocationQuery((int(largest),), dtype))

    def generate_code(self) -> Callable[..., Any]:
        """What numba compiles, over FFCV's threads."""
        read, jpg = self.memory_read, IMAGE_MODES["jpg"]
        spread, decode_jpeg = Compiler.get_iterator(), Compiler.compile(imdecode)
        resize = Compiler.compile(resize_crop)
        # By address: numba would keep the array's values of the day it compiles.
        address, shape = np.uintp(self._boxes.ctypes.data), self._boxes.shape
        size = self._boxes.nbytes

        def decode(batch_indices: Any, memory: Any, metadata: Any, storage_state: Any) -> Any:
            destination, whole = memory
            bytes_of_boxes = carray(cast_int_to_byte_ptr(address), (size,))
            boxes = bytes_of_boxes.view(np.int64).reshape(shape)
            for i in spread(len(batch_indices)):
                index = batch_indices[i]
                field = metadata[index % len(metadata)]
                data = read(field["data_ptr"], storage_state)
                height, width = np.uint32(field["height"]), np.uint32(field["width"])
                pixels = data
                if field["mode"] == jpg:
                    pixels = whole[i][: 3 * height * width]
                    decode_jpeg(
                        data, pixels, height, width, height, width, 0, 0, 1, 1, False, False
                    )
                pixels = pixels.reshape(height, width, 3)
                top, left, bottom, right, flip = boxes[index]
                resize(pixels, top, bottom, left, right, destination[i])
                if flip:
                    destination[i] = destination[i][:, ::-1].copy()
            return destination[: len(batch_indices)]

        decode.is_parallel = True  # type: ignore[attr-defined]  # FFCV looks for it
        return decode
