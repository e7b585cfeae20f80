"""Patches that are dropped at random: how many, which, and that nothing else changes."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from datamodules.occlusion.patches import (
    Grid,
    areas,
    covered,
    default_patch,
    random_patches,
)

INDICES = np.array([3, 4, 900])


@pytest.mark.parametrize(
    ("side", "patch", "patches"), [(224, 16, 196), (28, 2, 196), (24, 2, 144), (64, 5, 169)]
)
def test_a_patch_is_a_fourteenth_of_the_side(side: int, patch: int, patches: int) -> None:
    assert default_patch(side) == patch
    assert Grid(side, patch).patches == patches


@pytest.mark.parametrize("tenths", range(10))
def test_so_many_patches_are_dropped_as_the_paper_drops(tenths: int) -> None:
    dropped = random_patches(Grid(224, 16), tenths / 10, seed=0, indices=INDICES)
    assert dropped.sum(1).tolist() == [tenths * 196 // 10] * 3


def test_patches_of_a_smaller_share_are_among_those_of_a_larger_one() -> None:
    grid = Grid(28, 2)
    shares = [random_patches(grid, tenths / 10, seed=0, indices=INDICES) for tenths in range(10)]
    for less, more in pairwise(shares):
        assert (less <= more).all()
    assert not np.array_equal(shares[5][0], shares[5][1])


def test_which_are_dropped_is_a_matter_of_seed_and_image_alone() -> None:
    grid = Grid(28, 2)
    whole = random_patches(grid, 0.5, seed=0, indices=INDICES)
    for row, index in zip(whole, INDICES, strict=True):
        alone = random_patches(grid, 0.5, seed=0, indices=np.array([index]))
        assert np.array_equal(alone[0], row)
    assert not np.array_equal(random_patches(grid, 0.5, seed=1, indices=INDICES), whole)


def test_the_image_is_unchanged_elsewhere() -> None:
    pixels = torch.linspace(0.1, 0.9, 2 * 3 * 25).view(2, 3, 5, 5)
    grid = Grid(5, 2)
    dropped = np.zeros((2, grid.patches), bool)
    dropped[0, 1] = True  # above: columns 2 and 3 of rows 0 and 1
    dropped[1, 8] = True  # below: the narrow corner, column 4 of row 4
    where = grid.pixels(dropped)
    expected = pixels.clone()
    expected[0, :, 0:2, 2:4] = 0
    expected[1, :, 4, 4] = 0
    assert covered(pixels, where).equal(expected)
    assert areas(where).tolist() == pytest.approx([4 / 25, 1 / 25])


def test_patches_can_be_filled_with_a_value_for_each_channel() -> None:
    everywhere = Grid(4, 2).pixels(np.ones((1, 4), bool))
    filled = covered(torch.zeros(1, 3, 4, 4), everywhere, (0.1, 0.2, 0.3))
    torch.testing.assert_close(filled.amax((2, 3)), torch.tensor([[0.1, 0.2, 0.3]]))
    assert filled.amax((2, 3)).equal(filled.amin((2, 3)))


def test_sums_are_over_patches_also_narrow_ones() -> None:
    ones = np.ones((1, 5, 5))
    assert Grid(5, 2).sums(ones).tolist() == [[4, 4, 2, 4, 4, 2, 2, 2, 1]]


@pytest.mark.parametrize("patch", [0, 13])
def test_a_patch_fits_twice_into_an_image(patch: int) -> None:
    with pytest.raises(ValueError, match=f"occlusion.patch is {patch}, .* 24 px .* 1 to 12 px"):
        Grid(24, patch)
