"""Where motion blur takes a pixel to, counted by hand."""

import math

import numpy as np
import pytest
import torch

from datamodules.corruptions.motion import motion_blur, motion_taps

SIDE, MIDDLE = 15, 7
RADIUS, SIGMA = 2, 1.5  # five taps
WEIGHTS = np.exp(-(np.arange(5) ** 2) / (2 * SIGMA**2))
WEIGHTS /= WEIGHTS.sum()

# Tap i lies at ceil(i cos - .5), ceil(i sin - .5) of where it is read: (dx, dy) for i = 0 .. 4.
# cos 30 = .87: .87, 1.73, 2.6, 3.46; sin 30 = .5: .5, 1, 1.5, 2, and halves are rounded down.
# cos -45 = .71: .71, 1.41, 2.12, 2.83; sin -45: -.71, -1.41, -2.12, -2.83.
READ = {
    0: [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)],
    30: [(0, 0), (1, 0), (2, 1), (3, 1), (3, 2)],
    -45: [(0, 0), (1, -1), (1, -1), (2, -2), (3, -3)],
}


@pytest.mark.parametrize("angle", READ)
def test_a_bright_pixel_becomes_the_kernel(angle: int) -> None:
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[0, 0, MIDDLE, MIDDLE] = 1
    expected = np.zeros((SIDE, SIDE))
    for (dx, dy), weight in zip(READ[angle], WEIGHTS, strict=True):
        expected[MIDDLE - dy, MIDDLE - dx] += weight  # who reads there is on the other side
    found = motion_blur(image, radius=RADIUS, sigma=SIGMA, angles=[angle])[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_taps_that_fall_on_one_pixel_are_one() -> None:
    taps = motion_taps(RADIUS, SIGMA, -45)
    assert [(dy, dx) for dy, dx, _ in taps] == [(0, 0), (-1, 1), (-2, 2), (-3, 3)]
    assert math.isclose(taps[1][2], WEIGHTS[1] + WEIGHTS[2])
    assert math.isclose(sum(weight for _, _, weight in taps), 1)


def test_each_image_has_its_angle() -> None:
    images = torch.rand(3, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    angles = [-45.0, 12.0, 30.0]
    together = motion_blur(images, radius=RADIUS, sigma=SIGMA, angles=angles)
    for number, angle in enumerate(angles):
        alone = motion_blur(images[number : number + 1], radius=2, sigma=1.5, angles=[angle])
        assert torch.equal(together[number : number + 1], alone)


def test_border_pixels_are_repeated() -> None:
    image = torch.arange(SIDE, dtype=torch.float32).expand(1, 1, SIDE, SIDE)
    found = motion_blur(image, radius=30, sigma=20, angles=[0])  # longer than the image
    assert torch.allclose(found[..., -1], torch.tensor(14.0))
    assert (found.diff(dim=3) > 0).all()
