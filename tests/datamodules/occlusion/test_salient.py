"""Which patches matter, on maps of saliency made by hand and by the spectral residual."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from datamodules.occlusion.patches import Grid
from datamodules.occlusion.salient import foreground, patch_shares
from datamodules.occlusion.spectral import SIDE, spectral_residual

GRID = Grid(4, 2)
SHARES = np.array([[0.1, 0.4, 0.2, 0.3]])


@pytest.mark.parametrize(
    ("share", "chosen"),
    [
        (0.0, []),
        (0.1, [1]),
        (0.4, [1]),
        (0.41, [1, 3]),
        (0.7, [1, 3]),
        (0.71, [1, 2, 3]),
        (0.95, [0, 1, 2, 3]),
    ],
)
def test_the_smallest_set_whose_shares_reach_it(share: float, chosen: list[int]) -> None:
    assert np.flatnonzero(foreground(SHARES, share)[0]).tolist() == chosen


def test_of_equal_patches_the_first_comes_first() -> None:
    even = np.full((1, 4), 0.25)
    assert foreground(even, 0.5).tolist() == [[True, True, False, False]]
    tied = np.array([[0.1, 0.4, 0.1, 0.4]])
    assert foreground(tied, 0.4).tolist() == [[False, True, False, False]]
    assert foreground(tied, 0.85).tolist() == [[True, True, False, True]]


def test_the_whole_saliency_is_the_whole_image_also_where_there_is_none() -> None:
    assert foreground(np.array([[0.0, 1.0, 0.0, 0.0]]), 1).all()


def test_shares_sum_to_one_and_are_even_without_saliency() -> None:
    maps = np.zeros((2, 4, 4))
    maps[0, 0, 0], maps[0, 3, 0] = 3, 1
    assert patch_shares(maps, GRID).tolist() == [[0.75, 0, 0.25, 0], [0.25] * 4]


def test_a_map_of_another_size_is_resampled() -> None:
    maps = np.zeros((1, 8, 8))
    maps[:, :4, 4:] = 1
    shares = patch_shares(maps, GRID)
    assert shares.argmax() == 1
    assert shares.sum() == pytest.approx(1)


def test_what_stands_out_of_its_surroundings_is_salient() -> None:
    coarse = 0.3 * torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    pixels = interpolate(coarse, (64, 64), mode="bicubic")
    pixels[:, :, 40:48, 12:20] = 0.9
    (saliency,) = spectral_residual(pixels)
    assert saliency.shape == (SIDE, SIDE)
    row, column = np.unravel_index(saliency.argmax(), saliency.shape)
    assert 36 <= row <= 52
    assert 8 <= column <= 24


def test_saliency_is_a_matter_of_the_image_alone_and_finite_for_a_blank_one() -> None:
    pixels = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    pixels[2] = 0
    together = spectral_residual(pixels)
    assert np.isfinite(together).all()
    for one, expected in zip(pixels, together, strict=True):
        assert np.array_equal(spectral_residual(one[None])[0], expected)
