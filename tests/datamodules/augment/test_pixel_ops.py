"""Every operation gives the pixels that PIL gives, on photographs and on odd images."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import auto_augment

from datamodules.augment.levels import LEVELS
from datamodules.augment.pixel_ops import posterize
from datamodules.augment.rand_augment import operations
from datamodules.augment.resampling import Resampling
from tests.support.images.image_trees import photograph
from tests.support.images.photographs import array_of, batch_of, cuts

FILL = (124, 116, 104)
HPARAMS = {"translate_const": 28, "img_mean": FILL}
# At 2.0 the half pixels of TranslateXRel are none in PIL's doubles: a column is inside or not.
MAGNITUDES = (0.0, 0.3, 2.1, 5.0, 8.7, 9.0, 10.0)
GEOMETRIC = sorted(n for n in LEVELS if n.startswith(("Rotate", "Shear", "Translate")))


def odd_images() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (33, 47, 3), dtype=np.uint8)
    narrow = rng.integers(30, 91, (20, 50, 3), dtype=np.uint8)
    return [
        *cuts(2, (64, 48)),
        *cuts(1, (224, 224)),
        photograph(3, (90, 70)),
        Image.fromarray(noise),
        Image.fromarray(narrow),
        Image.fromarray(noise[:9, :8].copy()),
        Image.new("RGB", (20, 12)),
        Image.new("RGB", (20, 12), (3, 200, 255)),
    ]


def arguments(name: str) -> list[float]:
    magnitudes = np.array(MAGNITUDES)
    values = [LEVELS[name](magnitudes, np.full(7, sign), HPARAMS) for sign in (1.0, -1.0)]
    return [float(value) for value in np.unique(values)]


def pils(name: str, image: Image.Image, argument: float, interpolation: str) -> Image.Image:
    """What timm's function does; newer PIL refuses the 0 bits that timm asks for, older gave 0."""
    if name.startswith("Posterize"):
        if argument == 0:
            return Image.new("RGB", image.size)
        argument = int(argument)
    elif name.startswith("Solarize"):
        argument = int(argument)
    given = (argument,) if auto_augment.LEVEL_TO_ARG[name] is not None else ()
    resample = getattr(Image.Resampling, interpolation.upper())
    function: Any = auto_augment.NAME_TO_OP[name]
    result: Image.Image = function(image, *given, fillcolor=FILL, resample=resample)
    return result


def differences(name: str, interpolation: str) -> list[np.ndarray]:
    operation = operations(Resampling(interpolation, FILL))[name]
    found = []
    for image in odd_images():
        values = arguments(name)
        ours = operation(batch_of([image] * len(values)), torch.tensor(values))
        assert ours.dtype == torch.uint8
        for value, pixels in zip(values, array_of(ours), strict=True):
            expected = np.asarray(pils(name, image, value, interpolation)).astype(np.int64)
            found.append(np.abs(pixels - expected))
    return found


@pytest.mark.parametrize("name", sorted(set(LEVELS) - set(GEOMETRIC)))
def test_colours_are_pils_exactly(name: str) -> None:
    assert max(difference.max() for difference in differences(name, "bicubic")) == 0


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("name", GEOMETRIC)
def test_moved_images_are_pils_but_for_rounding(name: str, interpolation: str) -> None:
    """Where a sum is a whole number but for its rounding, doubles may fall on the other side.

    Between two pixels at 0.4 or 0.6 that happens often; bicubic sums seldom are whole numbers.
    """
    found = differences(name, interpolation)
    assert max(difference.max() for difference in found) <= 1
    assert max(difference.mean() for difference in found) < 0.1
    assert np.mean([difference.mean() for difference in found]) < 0.01


@pytest.mark.parametrize("name", GEOMETRIC)
def test_nearest_pixels_are_pils_but_for_ties(name: str) -> None:
    """PIL's coordinates are fixed-point there, so that a few pixels are the neighbours."""
    found = differences(name, "nearest")
    shares = [(difference.max(axis=2) > 0).mean() for difference in found]
    assert max(shares) < 0.003


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_one_channel_counts_as_three_equal_ones(name: str) -> None:
    grey = batch_of(cuts(6, (40, 31)))[:, :1]
    values = torch.tensor(arguments(name))[:6]
    values = values.repeat(6)[:6]
    for interpolation in ("bicubic", "nearest"):
        one = operations(Resampling(interpolation, FILL[:1]))[name](grey, values)
        three = Resampling(interpolation, FILL[:1] * 3)
        expanded = grey.expand(-1, 3, -1, -1).contiguous()
        expected = operations(three)[name](expanded, values)
        assert one.shape == grey.shape
        assert torch.equal(one.expand(-1, 3, -1, -1), expected)


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_an_operation_leaves_its_input_and_takes_each_sample_alone(name: str) -> None:
    images = batch_of(cuts(5, (40, 31)))
    before = images.clone()
    values = torch.tensor((arguments(name) * 5)[:5])
    operation = operations(Resampling("bicubic", FILL))[name]
    together = operation(images, values)
    assert torch.equal(images, before)
    alone = [operation(images[i : i + 1], values[i : i + 1]) for i in range(5)]
    assert torch.equal(together, torch.cat(alone))
    assert together.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", sorted(LEVELS))
def test_levels_are_timms(name: str, sign: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.1 if sign > 0 else 0.9)
    magnitudes = np.linspace(0, 10, 41)
    ours = LEVELS[name](magnitudes, np.full(41, sign), HPARAMS)
    level_to_argument: Any = auto_augment.LEVEL_TO_ARG[name]
    if level_to_argument is None:
        assert (ours == 0).all()
        return
    theirs = [level_to_argument(float(level), HPARAMS)[0] for level in magnitudes]
    np.testing.assert_array_equal(ours, theirs)


def test_the_operations_are_those_of_timms_policies() -> None:
    assert set(operations(Resampling("bicubic", FILL))) == set(LEVELS)
    assert set(auto_augment.NAME_TO_OP) - set(LEVELS) == {
        "GaussianBlurRand"
    }  # only in AutoAugment's policy 3a


@pytest.mark.parametrize("bits", range(9))
def test_posterize_keeps_the_upper_bits(bits: int) -> None:
    images = batch_of([photograph(0)])
    mask = 0xFF & ~((1 << (8 - bits)) - 1)
    assert torch.equal(posterize(images, torch.tensor([float(bits)])), images & mask)
