"""Noise against its distribution."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chisquare, kstest, poisson

from datamodules.corruptions.kinds import noise
from datamodules.corruptions.kinds.named import Function
from datamodules.corruptions.severities import Severity

SIDE = 256
UNLIKELY = 1e-3  # of 256 px of noise that have the right distribution; seeds are fixed


def drawn(function: Function, value: float, *, level: int, seed: int = 0) -> NDArray[np.uint8]:
    """What becomes of (1, 3, S, S) pixels of one grey level."""
    pixels = torch.full((1, 3, SIDE, SIDE), level, dtype=torch.uint8)
    generator = np.random.Generator(np.random.PCG64(seed))
    found: NDArray[np.uint8] = function(pixels, Severity(1, 224, (value,)), [generator]).numpy()
    return found


def fits(found: NDArray[np.uint8], expected: NDArray[np.float64]) -> float:
    """The p-value of chi-square for values with these probabilities; rare ones are put together."""
    counts = np.bincount(found.ravel(), minlength=256).astype(float)
    wanted = expected * found.size
    often = wanted >= 5
    assert not counts[expected == 0].any(), "a value that cannot be"
    groups = [*np.flatnonzero(often)]
    observed, hoped = counts[groups], wanted[groups]
    if wanted[~often].sum() > 0:
        observed, hoped = (
            np.append(part, whole[~often].sum())
            for part, whole in ((observed, counts), (hoped, wanted))
        )
    return float(chisquare(observed, hoped).pvalue)


def shot(rate: float, level: int) -> NDArray[np.float64]:
    """How likely each grey level is."""
    counts = np.arange(2000)
    values = (np.minimum(counts / rate, 1) * 255).astype(int)
    likely: NDArray[np.float64] = poisson.pmf(counts, level / 255 * rate)
    return np.bincount(values, weights=likely, minlength=256).astype(np.float64)


@pytest.mark.parametrize("rate", [500, 60, 12, 3])
@pytest.mark.parametrize("level", [1, 60, 128, 254])
def test_shot_noise_is_poissons(rate: float, level: int) -> None:
    assert fits(drawn(noise.shot_noise, rate, level=level), shot(rate, level)) > UNLIKELY


def test_shot_noise_of_another_rate_does_not_fit() -> None:
    assert fits(drawn(noise.shot_noise, 12, level=128), shot(12, 130)) < UNLIKELY


def test_black_stays_black_under_shot_and_speckle_noise() -> None:
    assert not drawn(noise.shot_noise, 3, level=0).any()
    assert not drawn(noise.speckle_noise, 0.6, level=0).any()


def impulses(share: float, level: int) -> NDArray[np.float64]:
    likely = np.zeros(256)
    likely[level] = 1 - share
    likely[0] += share / 2
    likely[255] += share / 2
    return likely


@pytest.mark.parametrize("share", [0.01, 0.05, 0.27])
@pytest.mark.parametrize("level", [0, 100, 255])
def test_impulses_are_black_and_white_by_halves(share: float, level: int) -> None:
    found = drawn(noise.impulse_noise, share, level=level)
    assert fits(found, impulses(share, level)) > UNLIKELY
    assert fits(found, impulses(1.3 * share, level)) < UNLIKELY


def test_impulses_hit_the_channels_of_a_pixel_apart_from_each_other() -> None:
    hit = (drawn(noise.impulse_noise, 0.27, level=100) != 100)[0].astype(float)
    together = hit[0] * hit[1]
    assert abs(together.mean() - 0.27**2) < 4 * together.std() / SIDE


@pytest.mark.parametrize(
    ("function", "std"), [(noise.gaussian_noise, 0.08), (noise.speckle_noise, 0.08 * 128 / 255)]
)
def test_gaussian_and_speckle_noise_are_normal(function: Function, std: float) -> None:
    found = drawn(function, 0.08, level=128)[0, 0].astype(float)
    # cut off: a value stands for all from itself to the next
    spread = (found + np.random.default_rng(1).random(found.shape) - 128) / 255
    assert kstest(spread.ravel() / std, "norm").pvalue > UNLIKELY
    assert kstest(spread.ravel() / (1.03 * std), "norm").pvalue < UNLIKELY
