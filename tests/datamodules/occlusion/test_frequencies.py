"""Noise of a ring: its frequencies, its strength, and that rings share the spectrum."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.occlusion.frequencies import (
    Energy,
    Ring,
    default_rings,
    ring_noise,
    too_many_rings,
    with_noise,
)

RMS = 8 / 255
INDICES = np.array([0, 7])


@pytest.mark.parametrize(("side", "rings"), [(20, 10), (24, 10), (33, 10), (224, 10), (16, 8)])
def test_rings_share_the_spectrum(side: int, rings: int) -> None:
    assert default_rings(side) == rings
    held = np.stack([Ring(number, rings).holds(side) for number in range(rings)])
    assert (held.sum(0) == 1).all()
    assert held.any((1, 2)).all()
    assert held[0, 0, 0]  # the mean
    assert held[-1][side // 2].all() or side % 2  # pi itself


def test_rings_have_the_borders_of_the_definition() -> None:
    side, rings = 40, 10
    waves = np.abs(np.fft.fftfreq(side)) * 2
    radius = np.maximum(waves[:, None], waves[None])
    for number in range(rings - 1):
        low, high = number / rings, (number + 1) / rings
        expected = (radius >= low - 1e-12) & (radius < high - 1e-12)
        assert np.array_equal(Ring(number, rings).holds(side), expected)
    assert [Ring(number, 10).centre for number in (0, 3, 9)] == [0.05, 0.35, 0.95]


@pytest.mark.parametrize("number", [0, 4, 9])
def test_noise_has_its_energy_in_its_ring_and_its_strength(number: int) -> None:
    found = noise(Ring(number, 10))
    energy = np.abs(np.fft.fft2(found)) ** 2
    inside = energy[..., Ring(number, 10).holds(24)].sum()
    assert inside / energy.sum() > 0.999
    assert np.sqrt((found**2).mean((1, 2, 3))) == pytest.approx(RMS)
    assert not np.allclose(found[0], found[1])


def test_by_density_rings_together_are_white_noise_of_that_strength() -> None:
    rings = [noise(Ring(number, 10), energy="density") for number in range(10)]
    whole = np.sum(rings, 0)
    assert np.sqrt((whole**2).mean((1, 2, 3))) == pytest.approx(RMS)
    strengths = [float((ring**2).mean()) for ring in rings]
    assert strengths[0] < strengths[3] < strengths[9]


def test_noise_is_a_matter_of_seed_and_image_alone() -> None:
    whole = noise(Ring(3, 10))
    alone = ring_noise(
        (3, 24, 24), Ring(3, 10), rms=RMS, energy="equal", seed=0, indices=INDICES[1:]
    )
    assert np.array_equal(alone[0], whole[1])


def test_the_strength_that_is_left_after_clipping_is_said() -> None:
    grey, black = torch.full((1, 3, 24, 24), 0.5), torch.zeros(1, 3, 24, 24)
    noisy, left = with_noise(torch.cat([grey, black]), noise(Ring(3, 10)))
    assert left[0] == pytest.approx(RMS, rel=1e-5)
    assert left[1] == pytest.approx(RMS / 2**0.5, rel=0.1)  # the half below 0 is cut off
    assert noisy.amin() >= 0


def test_more_rings_than_frequencies_are_refused() -> None:
    sentence = "noise frequency: 16 px hold 8 rings at most, 10 asked for: set noise.rings=8"
    assert too_many_rings(10, 16) == sentence
    assert too_many_rings(8, 16) is None
    with pytest.raises(ValueError, match="16 px hold 8 rings"):
        Ring(0, 10).holds(16)


def noise(ring: Ring, *, energy: Energy = "equal") -> NDArray[np.float64]:
    return ring_noise((3, 24, 24), ring, rms=RMS, energy=energy, seed=0, indices=INDICES)
