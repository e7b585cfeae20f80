"""Pads, crops, flips and erased rectangles stay within bounds and are distributed as timm's."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from timm.data.random_erasing import RandomErasing
from torch import Tensor

from datamodules.augment import erasing
from datamodules.augment.erasing import erase
from datamodules.augment.windows import Pixels, draw_windows, seen
from datamodules.config.augmentation import Augmentation
from datamodules.sampling.random_streams import Draw, Stream, batch_draws, uniforms
from tests.support.images.image_trees import seeded

COUNT = 4000


def augment(pixels: Pixels, augmentation: Augmentation, *, draw: Draw) -> Pixels:
    return seen(pixels, draw_windows(augmentation, draw=draw))


def draw(count: int = COUNT, epoch: int = 0) -> Draw:
    return batch_draws(seed=0, epoch=epoch, indices=np.arange(count))


def test_a_padded_crop_is_a_window_of_the_padded_image_at_every_offset_equally_often() -> None:
    height, width, pad = 5, 7, 2
    # Every pixel its own value and none zero: a crop tells where it was cut.
    image = np.arange(1, 2 * height * width + 1, dtype=np.uint8).reshape(1, 2, height, width)
    repeated = np.repeat(image, COUNT, axis=0)
    cropped = augment(repeated, Augmentation(crop="pad", pad=pad), draw=draw())
    padded = np.pad(image[0], ((0, 0), (pad, pad), (pad, pad)))
    windows = {
        padded[:, top : top + height, left : left + width].tobytes(): (top, left)
        for top in range(2 * pad + 1)
        for left in range(2 * pad + 1)
    }
    found = [windows[np.ascontiguousarray(crop).tobytes()] for crop in cropped]
    counts = np.unique(np.array(found), axis=0, return_counts=True)[1]
    assert len(counts) == 25
    # Chi-squared with 24 degrees of freedom exceeds 59 once in ten thousand.
    assert ((counts - COUNT / 25) ** 2 / (COUNT / 25)).sum() < 59


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_images_flip_with_the_probability(probability: float) -> None:
    image = np.array([[[[0, 255]]]], np.uint8)
    repeated = np.repeat(image, COUNT, axis=0)
    images = augment(repeated, Augmentation(hflip=probability), draw=draw())
    share = float((images[:, 0, 0, 0] > images[:, 0, 0, 1]).mean())
    assert share == pytest.approx(probability, abs=4 * (0.25 / COUNT) ** 0.5)
    assert share == probability or 0 < probability < 1


def test_a_flip_mirrors_columns_only() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 4, 6), dtype=np.uint8)
    flipped = augment(image.copy(), Augmentation(hflip=1.0), draw=draw(1))
    np.testing.assert_array_equal(flipped, image[:, :, :, ::-1])


@pytest.mark.parametrize("mode", ["pixel", "const"])
def test_erasing_covers_one_rectangle_of_the_right_area(mode: str) -> None:
    augmentation = Augmentation(random_erasing=0.25, erasing_mode=mode)  # type: ignore[arg-type]
    images = torch.full((COUNT, 1, 28, 28), 9.0)
    erase(images, augmentation, draw=draw())
    gone = (images != 9)[:, 0].numpy()
    erased = gone.any(axis=(1, 2))
    assert erased.mean() == pytest.approx(0.25, abs=4 * (0.1875 / COUNT) ** 0.5)
    for mask in gone[erased]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        high, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert mask.sum() == high * wide
        # Sides are rounded, so that area may leave its range by half a pixel a side.
        assert (high + 0.5) * (wide + 0.5) >= 0.02 * 784
        assert (high - 0.5) * (wide - 0.5) <= 784 / 3
    values = images[torch.from_numpy(gone)[:, None]]
    if mode == "const":
        assert (values == 0).all()
    else:
        assert abs(float(values.mean())) < 0.02
        assert abs(float(values.std()) - 1) < 0.02


def test_erased_areas_are_distributed_as_timms() -> None:
    ours = torch.full((COUNT, 1, 28, 28), 9.0)
    erase(ours, Augmentation(random_erasing=1.0, erasing_mode="const"), draw=draw())
    theirs = torch.full((COUNT, 1, 28, 28), 9.0)
    with seeded(1):
        RandomErasing(1.0, mode="const", device="cpu")(theirs)
    statistics: list[Callable[[Tensor], Tensor]] = [
        lambda gone: gone.sum(dim=(1, 2)),  # area
        lambda gone: gone.any(dim=2).sum(dim=1) / gone.any(dim=1).sum(dim=1),  # aspect ratio
        lambda gone: gone.any(dim=2).double().argmax(dim=1),  # top
        lambda gone: gone.any(dim=1).double().argmax(dim=1),  # left
    ]
    for statistic in statistics:
        found = [statistic(images[:, 0] != 9).numpy() for images in (ours, theirs)]
        assert ks_2samp(*found).pvalue > 1e-3


def test_windows_depend_on_each_samples_own_index() -> None:
    augmentation = Augmentation(crop="pad", hflip=0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3, 8, 8), dtype=np.uint8)
    whole = augment(pixels.copy(), augmentation, draw=draw(50))
    some = np.array([40, 2, 17])
    part = augment(pixels[some], augmentation, draw=batch_draws(seed=0, epoch=0, indices=some))
    np.testing.assert_array_equal(part, whole[some])
    later = augment(pixels.copy(), augmentation, draw=draw(50, epoch=1))
    assert not np.array_equal(later, whole)


def erased_one_by_one(images: Tensor, augmentation: Augmentation, *, draw: Draw) -> None:
    """The erasing that the numbers of published runs come from, sample by sample."""
    channels, height, width = images.shape[1:]
    size = max(1 << 17, 4 * channels * height * width)
    table = noise(size)
    streams = {
        stream: draw(stream)
        for stream in (Stream.ERASE, Stream.ERASE_TOP, Stream.ERASE_LEFT, Stream.ERASE_NOISE)
    }
    for i in range(len(images)):
        high, wide = first_that_fits(height, width, i, draw)
        top = int(streams[Stream.ERASE_TOP][i] * (height - high + 1))
        left = int(streams[Stream.ERASE_LEFT][i] * (width - wide + 1))
        start = int(streams[Stream.ERASE_NOISE][i] * (size - channels * high * wide))
        if streams[Stream.ERASE][i] < augmentation.random_erasing and high:
            values = table[start : start + channels * high * wide].reshape(channels, high, wide)
            patch = torch.from_numpy(values) if augmentation.erasing_mode == "pixel" else 0
            images[i, :, top : top + high, left : left + wide] = patch


def first_that_fits(height: int, width: int, i: int, draw: Draw) -> tuple[int, int]:
    for attempt in range(10):
        area = (0.02 + draw(Stream.ERASE_AREA + attempt)[i] * (1 / 3 - 0.02)) * height * width
        low, high = math.log(0.3), math.log(1 / 0.3)
        aspect = np.exp(low + draw(Stream.ERASE_ASPECT + attempt)[i] * (high - low))
        tall, broad = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
        if tall < height and broad < width:
            return tall, broad
    return 0, 0


def noise(size: int) -> NDArray[np.float32]:
    first, second = (uniforms(s, seed=0, epoch=0, indices=np.arange(size)) for s in (1001, 1002))
    values = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
    table: NDArray[np.float32] = values.astype(np.float32)
    return table


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 8, 8), (3, 40, 24), (3, 6, 90), (3, 2, 40)])
@pytest.mark.parametrize("mode", ["pixel", "const"])
@pytest.mark.parametrize("device", ["cpu", "other"])
def test_the_same_pixels_are_erased_on_every_device(
    device: str, mode: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if device == "other":  # the way of other devices is as good on a CPU, only slower
        monkeypatch.setattr(erasing, "erase_slices", erasing.erase_masked)
    augmentation = Augmentation(random_erasing=0.6, erasing_mode=mode)  # type: ignore[arg-type]
    indices = np.arange(100, 160)
    draws = batch_draws(seed=3, epoch=2, indices=indices)
    images = torch.rand(60, *shape, generator=torch.Generator().manual_seed(0))
    expected = images.clone()
    erased_one_by_one(expected, augmentation, draw=draws)
    assert not torch.equal(expected, images)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        found = images.clone(memory_format=memory_format)
        erase(found, augmentation, draw=draws)
        assert torch.equal(found, expected)


def test_nothing_is_erased_where_no_rectangle_fits() -> None:
    images = torch.rand(20, 3, 1, 1)
    expected = images.clone()
    erase(images, Augmentation(random_erasing=1.0), draw=draw(20))
    assert torch.equal(images, expected)
