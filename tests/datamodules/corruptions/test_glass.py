"""Glass blur: pixels are copied in the order of the benchmark's scan."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.corruptions.kinds.glass import scanned
from tests.support.corruptions.slow import scan


def numbered(side: int) -> NDArray[np.int64]:
    """(S, S, 1): every pixel another value."""
    return np.arange(side * side).reshape(side, side, 1)


def moves(side: int, reach: int, *, seed: int = 0) -> NDArray[np.int8]:
    shape = (2, side - 2 * reach, side - 2 * reach)
    return np.random.default_rng(seed).integers(-reach, reach, shape, np.int8)


@pytest.mark.parametrize("side", [16, 33, 64])
@pytest.mark.parametrize("reach", [1, 2, 3, 4])
def test_a_pass_is_the_scan_bit_for_bit(side: int, reach: int) -> None:
    for seed in range(3):
        drawn = moves(side, reach, seed=seed)
        found = scanned(drawn, (side, side), reach=reach)
        assert np.array_equal(found, scan(numbered(side), drawn, reach=reach).ravel())


@pytest.mark.parametrize("reach", [1, 4])
def test_a_true_swap_is_another_corruption(reach: int) -> None:
    drawn = moves(64, reach)
    swapped = scan(numbered(64), drawn, reach=reach, swap=True).ravel()
    found = scanned(drawn, (64, 64), reach=reach)
    assert len(np.unique(swapped)) == 64 * 64
    assert len(np.unique(found)) < 0.8 * 64 * 64  # what was overwritten is gone
    assert (found != swapped).mean() > 0.2


def test_chains_are_followed_to_their_end() -> None:
    """All pixels take the value to their right, which has been overwritten before them."""
    side = 16
    drawn = np.zeros((2, side - 4, side - 4), np.int8)
    drawn[1] = 1
    found = scanned(drawn, (side, side), reach=2).reshape(side, side)
    last = numbered(side)[3:15, 15, 0]  # the first column on the right that is not scanned
    assert np.array_equal(found[3:15, 3:15], np.broadcast_to(last[:, None], (12, 12)))


def test_pixels_at_the_border_stay() -> None:
    found = scanned(moves(20, 3), (20, 20), reach=3).reshape(20, 20)
    still = np.ones((20, 20), bool)
    still[4:18, 4:18] = False
    assert np.array_equal(found[still], numbered(20)[..., 0][still])
