"""Which table images have, and what it does to them."""

import re

import numpy as np
import pytest
import torch

from datamodules.corruptions.kinds.corrupt import corrupt
from datamodules.corruptions.kinds.named import NAMED
from datamodules.corruptions.names import CORRUPTIONS, EXTRA, SEVERITIES
from datamodules.corruptions.severities import severity, table_of
from datamodules.sampling.image_draws import image_generators
from tests.support.images.photographs import batch_of, cuts

TABLES = (32, 64, 224)


@pytest.mark.parametrize(
    ("side", "table"),
    [(16, 32), (32, 32), (48, 32), (49, 64), (64, 64), (128, 64), (129, 224), (224, 224)],
)
def test_the_table_is_that_of_the_nearest_side(side: int, table: int) -> None:
    assert table_of(side) == table


def test_sides_below_sixteen_have_none() -> None:
    message = "images of 15 px are too small for corruptions (16 at least): set data.eval_size"
    with pytest.raises(ValueError, match=re.escape(message)):
        table_of(15)


@pytest.mark.parametrize("name", [*CORRUPTIONS, *EXTRA])
def test_every_corruption_has_five_severities_of_as_many_values(name: str) -> None:
    rows = [severity(name, level, table=table) for table in TABLES for level in SEVERITIES]
    assert len({len(row.values) for row in rows}) == 1
    assert len(set(rows)) == len(rows)


def test_some_values_as_the_scripts_have_them() -> None:
    """Read again in make_imagenet_c.py, make_tinyimagenet_c.py and make_cifar_c.py."""
    assert severity("gaussian_noise", 5, table=224).values == (0.38,)
    assert severity("impulse_noise", 4, table=64).values == (0.08,)
    assert severity("shot_noise", 1, table=32).values == (500,)
    assert severity("glass_blur", 3, table=224).values == (1, 2, 3)
    assert severity("elastic_transform", 1, table=224).values == (488, 170.8, 24.4)
    assert severity("fog", 5, table=32).values == (1.5, 1.75)
    assert severity("zoom_blur", 5, table=224).values == (1, 1.31, 0.03)


@pytest.mark.parametrize("name", ["fog", "contrast"])
def test_small_images_have_the_small_table(name: str) -> None:
    """With that of 224 px less of an image's own structure is left."""
    pixels = batch_of([cut.resize((32, 32)) for cut in cuts(8, (200, 200))])
    indices = np.arange(8)
    found = corrupt(pixels, name=name, level=5, seed=0, indices=indices)
    left = {}
    for table in (32, 224):
        draws = image_generators(f"corruptions/{name}", level=5, seed=0, indices=indices)
        made = NAMED[name].function(pixels, severity(name, 5, table=table), draws)
        left[table] = signal(made, pixels)
        assert torch.equal(found, made) == (table == 32)
    assert signal(found, pixels) > 1.3 * left[224]


def signal(made: torch.Tensor, pixels: torch.Tensor) -> float:
    """How much of an image's contrast is left: the slope of its regression on the original."""
    x, y = (images.double().flatten(1) for images in (pixels, made))
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return float(((x * y).sum(1) / (x * x).sum(1)).mean())
