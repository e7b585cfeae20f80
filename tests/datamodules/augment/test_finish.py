"""A batch is finished alike on every device, in any batch, and in timm's order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chisquare, ks_2samp
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional

from datamodules.augment import erasing, steps
from datamodules.augment.finish import finish, normalised
from datamodules.augment.jitter import color_jitter, jitter_steps
from datamodules.augment.rand_augment import rand_augment
from datamodules.catalog.catalog import DATASETS
from datamodules.config.augmentation import Augmentation
from datamodules.sampling.random_streams import Draw, batch_draws
from tests.support.images.image_trees import seeded
from tests.support.images.photographs import array_of, batch_of, cuts

RGB, GREY = DATASETS["cifar10"], DATASETS["digits"]
RECIPE = Augmentation(rand_augment="rand-m9-mstd0.5-inc1", color_jitter=0.4, random_erasing=0.25)
AUGMENTATIONS = {
    "none": Augmentation(),
    "erasing": Augmentation(random_erasing=0.5),
    "jitter": Augmentation(color_jitter=0.4, random_erasing=0.5, erasing_mode="const"),
    "recipe": RECIPE,
    "bilinear": Augmentation(rand_augment="rand-m9-n4-p1-mstd1-t3aw", interpolation="bilinear"),
}
CHANNELS = {"rgb": (RGB, 3), "grey": (GREY, 1)}


def draw(count: int, epoch: int = 0) -> Draw:
    return batch_draws(seed=0, epoch=epoch, indices=np.arange(count))


def images_of(channels: int, count: int = 8, size: tuple[int, int] = (40, 28)) -> Tensor:
    return batch_of(cuts(count, size))[:, :channels].contiguous()


def test_evaluation_only_normalises() -> None:
    images = batch_of(cuts(3))
    found = finish(images, None, DATASETS["image_folder"], draw=refuse)
    expected = torch.stack(
        [
            functional.normalize(
                functional.to_tensor(image), IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
            )
            for image in cuts(3)
        ]
    )
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def refuse(stream: int) -> Any:
    raise AssertionError(f"stream {stream} was drawn")


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_memory_formats_give_the_same_values_and_are_kept(channels: str, name: str) -> None:
    info, number = CHANNELS[channels]
    planar = images_of(number)
    buffer = torch.zeros(11, *planar.shape[1:], dtype=torch.uint8)
    buffer = buffer.contiguous(memory_format=torch.channels_last)
    buffer[2:10] = planar
    last, before = buffer[2:10], buffer.clone()
    expected = finish(planar, AUGMENTATIONS[name], info, draw=draw(8))
    found = finish(last, AUGMENTATIONS[name], info, draw=draw(8))
    assert torch.equal(found, expected)
    assert expected.is_contiguous()
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(buffer, before)
    assert torch.equal(planar, images_of(number))


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", [(40, 28), (224, 224)])
def test_a_sample_is_finished_alike_in_any_batch(
    size: tuple[int, int], channels: str, name: str
) -> None:
    info, number = CHANNELS[channels]
    images, augmentation = images_of(number, size=size), AUGMENTATIONS[name]
    indices = np.arange(30, 38)

    def finished(rows: Any, epoch: int = 3) -> Tensor:
        draws = batch_draws(seed=5, epoch=epoch, indices=indices[rows])
        return finish(images[torch.as_tensor(rows)], augmentation, info, draw=draws)

    together = finished(np.arange(8))
    assert torch.equal(torch.cat([finished([row]) for row in range(8)]), together)
    order = np.array([5, 0, 7, 3, 2, 6, 1, 4])
    assert torch.equal(finished(order), together[torch.from_numpy(order)])
    if name != "none":
        assert not torch.equal(finished(np.arange(8), epoch=4), together)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_way_of_other_devices_gives_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = images_of(3, 32)
    expected = finish(images, AUGMENTATIONS[name], RGB, draw=draw(32))
    # All samples of an operation at once, rectangles by masks: it runs on a CPU as well.
    monkeypatch.setattr(steps, "_run_on_cpu", steps._run_at_once)
    monkeypatch.setattr(erasing, "erase_slices", erasing.erase_masked)
    assert torch.equal(finish(images, AUGMENTATIONS[name], RGB, draw=draw(32)), expected)


def test_rand_augment_takes_the_place_of_the_jitter_and_comes_before_erasing() -> None:
    images = images_of(3)
    augmented = normalised(rand_augment(images, RECIPE, RGB, draw=draw(8)), RGB)
    plain = finish(images, replace(RECIPE, random_erasing=0.0), RGB, draw=draw(8))
    assert torch.equal(plain, augmented)
    whole = finish(images, replace(RECIPE, random_erasing=1.0), RGB, draw=draw(8))
    erased = (whole != augmented).any(dim=1)
    expected = finish(augmented.clone(), Augmentation(random_erasing=1.0), RGB, draw=draw(8))
    assert torch.equal(whole, expected)
    assert 0.02 < erased.double().mean() < 0.34


def test_images_that_are_normalised_already_are_only_erased() -> None:
    images = normalised(images_of(3), RGB)
    assert finish(images, None, RGB, draw=refuse) is images
    with pytest.raises(AssertionError):
        finish(images, RECIPE, RGB, draw=draw(8))


def test_one_channel_is_jittered_as_three_equal_ones() -> None:
    grey = images_of(1)
    expected = color_jitter(grey.expand(-1, 3, -1, -1).contiguous(), 0.4, draw=draw(8))
    assert torch.equal(color_jitter(grey, 0.4, draw=draw(8)), expected[:, :1])


OPERATIONS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
}


def test_jittered_pixels_are_those_of_torchvision_with_the_same_factors() -> None:
    photographs = cuts(24)
    found = array_of(color_jitter(batch_of(photographs), 0.4, draw=draw(24)))
    expected = list(photographs)
    for step in jitter_steps(0.4, draw=draw(24)):
        for row, factor in zip(step.rows, step.arguments, strict=True):
            expected[row] = OPERATIONS[step.operation](expected[row], float(factor))
    np.testing.assert_array_equal(found, np.stack([np.asarray(image) for image in expected]))


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_jitter_is_distributed_as_torchvisions(strength: float) -> None:
    count = 3000
    orders: list[list[str]] = [[] for _ in range(count)]
    factors: dict[str, list[float]] = {name: [] for name in OPERATIONS}
    for step in jitter_steps(strength, draw=draw(count)):
        factors[step.operation] += step.arguments.tolist()
        for row in step.rows:
            orders[row].append(step.operation)
    _, frequencies = np.unique(np.array(orders), axis=0, return_counts=True)
    assert len(frequencies) == 6
    assert chisquare(frequencies).pvalue > 1e-4
    theirs = transforms.ColorJitter(strength, strength, strength)
    with seeded(0):
        params = [
            theirs.get_params(theirs.brightness, theirs.contrast, theirs.saturation, None)
            for _ in range(count)
        ]
    for place, name in enumerate(OPERATIONS, start=1):
        values = [float(param[place]) for param in params]
        assert ks_2samp(factors[name], values).pvalue > 1e-4
        assert len(factors[name]) == count


@pytest.mark.cuda
@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_a_gpu_gives_what_the_cpu_gives_without_a_wait(channels: str, name: str) -> None:
    """Sums that are whole numbers but for rounding may differ by a grey level."""
    info, number = CHANNELS[channels]
    images, augmentation = images_of(number, 64, (96, 80)), AUGMENTATIONS[name]
    expected = finish(images, augmentation, info, draw=draw(64))
    on_gpu = images.cuda()
    finish(on_gpu, augmentation, info, draw=draw(64))  # constants are moved once
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = finish(on_gpu, augmentation, info, draw=draw(64))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    difference = (found.cpu() - expected).abs() * 255 * min(info.std)
    assert difference.max() < 4  # one level in one layer can be some more in the next
    assert difference.mean() < 0.01
    assert torch.equal(on_gpu.cpu(), images)
