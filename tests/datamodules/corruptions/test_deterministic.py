"""Corruptions against slow references, and against those of another library."""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from datamodules.corruptions.kinds.named import NAMED
from datamodules.corruptions.motion import motion_blur
from datamodules.corruptions.names import SEVERITIES
from datamodules.corruptions.pixels import floats, rounded
from datamodules.corruptions.severities import severity, table_of
from tests.support.corruptions import library, slow
from tests.support.images.photographs import cuts

SIDES = (224, 64, 32, 19)
Pixels = NDArray[np.uint8]


@cache
def picture(side: int) -> Pixels:
    """(S, S, 3): a photograph."""
    return np.asarray(cuts(2, (300, 300))[1].resize((side, side), Image.Resampling.BICUBIC))


def as_batch(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1)[None].copy())


def as_image(batch: torch.Tensor) -> NDArray[np.int64]:
    return batch[0].permute(1, 2, 0).numpy().astype(np.int64)


def generator(seed: int = 5) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def made(name: str, level: int, *, side: int) -> NDArray[np.int64]:
    how_strong = severity(name, level, table=table_of(side))
    return as_image(NAMED[name].function(as_batch(picture(side)), how_strong, [generator()]))


def cut_off(image: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(image, 0, 255).astype(np.uint8).astype(np.int64)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", slow.DETERMINISTIC)
def test_pixels_are_those_of_the_definition_to_a_grey_level(name: str, side: int) -> None:
    for level in SEVERITIES:
        how_strong = severity(name, level, table=table_of(side))
        expected = cut_off(slow.DETERMINISTIC[name](picture(side), how_strong.values))
        found = made(name, level, side=side)
        assert np.abs(found - expected).max() <= 1, level
        # where the exact value is a whole number, the last bit decides; nowhere else
        assert (found != expected).mean() < 0.25, level
    assert np.abs(found - picture(side)).mean() > 1  # at level 5 there is something to compare


@pytest.mark.parametrize("name", library.NAMES)
def test_pixels_are_those_of_the_library_to_a_grey_level(name: str) -> None:
    with np.load(library.FILE) as stored:
        batch = as_batch(stored[library.PICTURE])
        for level in library.LEVELS:
            how_strong = severity(name, level, table=library.TABLE)
            found = as_image(NAMED[name].function(batch, how_strong, iter(())))
            assert np.abs(found - stored[f"{name}/{level}"]).max() <= 1, level


@pytest.mark.parametrize("angle", library.ANGLES)
def test_motion_blur_is_that_of_the_library(angle: float) -> None:
    radius, sigma = library.MOTION
    with np.load(library.FILE) as stored:
        images = floats(as_batch(stored[library.PICTURE]))
        found = rounded(motion_blur(images, radius=radius, sigma=sigma, angles=[angle]))
        assert np.abs(as_image(found) - stored[f"motion_blur/{angle}"]).max() <= 1


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("level", SEVERITIES)
def test_motion_blur_is_the_sum_of_its_taps(side: int, level: int) -> None:
    how_strong = severity("motion_blur", level, table=table_of(side))
    angle = generator().uniform(-45, 45)
    expected = slow.motion_blur(picture(side), how_strong.values, angle=angle)
    assert np.abs(made("motion_blur", level, side=side) - np.round(expected)).max() <= 1


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("level", SEVERITIES)
def test_glass_blur_is_its_definition_for_the_same_moves(side: int, level: int) -> None:
    how_strong = severity("glass_blur", level, table=table_of(side))
    expected = slow.glass_blur(picture(side), how_strong.values, generator())
    assert np.abs(made("glass_blur", level, side=side) - cut_off(expected)).max() <= 1


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("level", SEVERITIES)
def test_elastic_transform_is_its_definition_for_the_same_draws(side: int, level: int) -> None:
    how_strong = severity("elastic_transform", level, table=table_of(side))
    draws = generator()
    moves, fields = (
        2 * draws.random(shape, dtype=np.float32).astype(np.float64) - 1
        for shape in ((3, 2), (2, side, side))
    )
    expected = slow.elastic_transform(picture(side), how_strong.values, moves=moves, fields=fields)
    assert np.abs(made("elastic_transform", level, side=side) - cut_off(expected)).max() <= 1


def test_noise_is_added_before_it_is_clipped_and_cut_off() -> None:
    image = picture(32)
    draws = generator().standard_normal((3, 32, 32), dtype=np.float32).transpose(1, 2, 0)
    x = image / 255
    for name, noisy in (
        ("gaussian_noise", x + 0.1 * draws),
        ("speckle_noise", x + 0.2 * x * draws),
    ):
        found = made(name, 5, side=32)
        assert np.abs(found - cut_off(255 * noisy)).max() <= 1
        assert (found != cut_off(255 * noisy)).mean() < 1e-3
