"""Files of public sets as pixels, decoded by threads while networks are asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datamodules.augment.geometry import CROP, eval_crops
from datamodules.benchmarks import videos
from datamodules.benchmarks.listing import check_side
from datamodules.decoding.decode import read_rgb
from datamodules.readers.pillow import cropped

T = TypeVar("T")
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """How an image file becomes the input of a network.

    Attributes:
        side: of the input in pixels.
        interpolation: Pillow's filter, in small letters.
        crop_ratio: share of the resized short side that is kept.
        window: instead, the side of the centre that is taken as it is; resampled only where `side`
            is another. None: there is none.
    """

    side: int
    interpolation: str
    crop_ratio: float
    window: int | None = None

    def of(self, image: Image.Image, path: str) -> Pixels:
        """(side, side, 3). Raises ValueError for an image smaller than the window."""
        resample = Image.Resampling[self.interpolation.upper()]
        if self.window is None:
            crop = eval_crops(
                np.array([image.height]),
                np.array([image.width]),
                side=self.side,
                crop_ratio=self.crop_ratio,
            )[0]
        else:
            check_side(path, image.size, self.window)
            crop = _centre(image.size, self.window)
        return cropped(image, crop, side=self.side, resample=resample)


def image_batches(
    paths: NDArray[np.bytes_], view: View, batches: Sequence[NDArray[np.int64]]
) -> Iterator[Pixels]:
    """Batches of image files, (n, 3, side, side) each.

    Args:
        paths: of all files.
        view: what becomes of each.
        batches: numbers of the files of each batch.
    """
    for images in _by_threads(partial(_image, view=view), paths, batches):
        yield np.stack(images).transpose(0, 3, 1, 2)


def video_batches(
    paths: NDArray[np.bytes_], view: View, batches: Sequence[NDArray[np.int64]]
) -> Iterator[Pixels]:
    """Batches of videos, (n, T, 3, side, side) each.

    Raises:
        ValueError: a video has other frames than those before, which it names.
    """
    count: int | None = None
    for numbers, clips in zip(
        batches, _by_threads(partial(_video, view=view), paths, batches), strict=True
    ):
        for number, clip in zip(numbers.tolist(), clips, strict=True):
            count = len(clip) if count is None else count
            if len(clip) != count:
                raise ValueError(
                    f"{os.fsdecode(paths[number])} has {len(clip)} frames, others have {count}"
                )
        yield np.stack(clips).transpose(0, 1, 4, 2, 3)


def _image(path: str, *, view: View) -> Pixels:
    return view.of(read_rgb(path), path)


def _video(path: str, *, view: View) -> Pixels:
    return np.stack([view.of(Image.fromarray(frame), path) for frame in videos.frames(path)])


def _by_threads(
    read: Callable[[str], T], paths: NDArray[np.bytes_], batches: Sequence[NDArray[np.int64]]
) -> Iterator[list[T]]:
    """What `read` makes of the files of every batch; the next one is read meanwhile."""
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:

        def begun(numbers: NDArray[np.int64]) -> Iterator[T]:
            return pool.map(read, [os.fsdecode(paths[number]) for number in numbers])

        try:
            coming = begun(batches[0]) if batches else iter(())
            for following in (*batches[1:], None):
                now, coming = coming, iter(()) if following is None else begun(following)
                yield list(now)
        finally:
            pool.shutdown(cancel_futures=True)


def _centre(size: tuple[int, int], window: int) -> np.void:
    """The centre of an image of `size` (width, height), as torchvision's CenterCrop has it."""
    crop = np.zeros(1, CROP)
    left, top = (round((length - window) / 2) for length in size)
    crop["left"], crop["right"], crop["top"], crop["bottom"] = (
        left,
        left + window,
        top,
        top + window,
    )
    crop["clip"] = 1
    centre: np.void = crop[0]
    return centre
