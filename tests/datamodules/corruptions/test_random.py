"""Random corruptions have the statistics of their plain definitions, over twelve seeds."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from datamodules.corruptions.kinds.named import NAMED
from datamodules.corruptions.severities import severity
from datamodules.sampling.image_draws import image_generators
from tests.support.corruptions import slow
from tests.support.images.photographs import cuts

SIDE, TABLE, SEEDS = 40, 32, 12
BAND = 4.5  # standard errors of the difference of two means of twelve
Draw = Callable[[slow.Pixels, slow.Values, np.random.Generator], slow.Floats]


def moved(pixels: slow.Pixels, values: slow.Values, draws: np.random.Generator) -> slow.Floats:
    return np.round(slow.motion_blur(pixels, values, angle=draws.uniform(-45, 45)))


def bent(pixels: slow.Pixels, values: slow.Values, draws: np.random.Generator) -> slow.Floats:
    moves, fields = (draws.uniform(-1, 1, shape) for shape in ((3, 2), (2, SIDE, SIDE)))
    return slow.elastic_transform(pixels, values, moves=moves, fields=fields)


DRAWN: Mapping[str, Draw] = {
    "gaussian_noise": slow.gaussian_noise,
    "speckle_noise": slow.speckle_noise,
    "shot_noise": slow.shot_noise,
    "impulse_noise": slow.impulse_noise,
    "glass_blur": slow.glass_blur,
    "motion_blur": moved,
    "elastic_transform": bent,
}


@pytest.mark.parametrize("level", [1, 3, 5])
@pytest.mark.parametrize("name", DRAWN)
def test_statistics_lie_in_the_bands_of_the_definition(name: str, level: int) -> None:
    picture = np.asarray(cuts(1, (200, 200))[0].resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    how_strong = severity(name, level, table=TABLE)
    pixels = torch.from_numpy(picture.transpose(2, 0, 1).copy()).repeat(SEEDS, 1, 1, 1)
    draws = image_generators(name, level=level, seed=0, indices=np.arange(SEEDS))
    ours = NAMED[name].function(pixels, how_strong, draws).permute(0, 2, 3, 1).numpy()
    theirs = [
        DRAWN[name](picture, how_strong.values, np.random.default_rng(seed)).astype(np.uint8)
        for seed in range(SEEDS)
    ]
    found, expected = (
        np.array([statistics(image, picture) for image in images]) for images in (ours, theirs)
    )
    error = np.sqrt((found.var(0, ddof=1) + expected.var(0, ddof=1)) / SEEDS)
    # a thousandth beside it: of blurs, some statistics hardly vary
    allowed = BAND * error + 1e-3 * np.abs(expected.mean(0))
    assert (np.abs(found.mean(0) - expected.mean(0)) <= allowed).all()


@pytest.mark.parametrize("name", DRAWN)
def test_the_bands_do_not_hold_another_severity(name: str) -> None:
    picture = np.asarray(cuts(1, (200, 200))[0].resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    weak, strong = (
        np.array(
            [
                statistics(
                    DRAWN[name](picture, values, np.random.default_rng(seed)).astype(np.uint8),
                    picture,
                )
                for seed in range(SEEDS)
            ]
        )
        for values in (severity(name, level, table=TABLE).values for level in (1, 5))
    )
    error = np.sqrt((weak.var(0, ddof=1) + strong.var(0, ddof=1)) / SEEDS)
    assert (np.abs(weak.mean(0) - strong.mean(0)) > BAND * error).any()


def statistics(image: slow.Pixels, before: slow.Pixels) -> NDArray[np.float64]:
    """Mean change, PSNR, correlation of two channels' changes, gradient energy."""
    change = image.astype(np.float64) - before
    error = max(float(np.square(change).mean()), 1e-9)
    red, green = change[..., 0].ravel(), change[..., 1].ravel()
    rows = np.diff(image.astype(np.float64), axis=0)
    return np.array(
        [
            change.mean(),
            10 * np.log10(255**2 / error),
            np.corrcoef(red, green)[0, 1],
            np.square(rows).mean(),
        ]
    )
