"""Sequences in which nothing moves but the weather: noise, motion blur, snow, brightness."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from datamodules.corruptions.kinds.noise import with_gaussian, with_shot
from datamodules.corruptions.kinds.weather import snow_flakes, snowed, with_value
from datamodules.corruptions.motion import motion_blur as smeared
from datamodules.corruptions.pixels import floats, rounded
from datamodules.perturbations.tables import Perturbation
from datamodules.sampling.image_draws import image_generators
from datamodules.sampling.random_streams import Integers


@dataclass(frozen=True)
class FrameDraws:
    """Generators of a sequence: a function of perturbation, frame, seed and image.

    Attributes:
        name: of the perturbation.
        seed: of the evaluation.
        indices: (N,) numbers of the images in their set.
    """

    name: str
    seed: int
    indices: Integers

    def of(self, frame: int) -> Iterator[np.random.Generator]:
        """One for each image."""
        return image_generators(
            f"perturbations/{self.name}", level=frame, seed=self.seed, indices=self.indices
        )


def gaussian_noise(pixels: torch.Tensor, how: Perturbation, draws: FrameDraws) -> torch.Tensor:
    """The image, then independent draws."""
    noisy = (with_gaussian(pixels, how.values["std"], draws.of(f)) for f in range(1, how.frames))
    return torch.stack([pixels, *noisy], 1)


def shot_noise(pixels: torch.Tensor, how: Perturbation, draws: FrameDraws) -> torch.Tensor:
    """The image, then independent draws."""
    noisy = (with_shot(pixels, how.values["rate"], draws.of(f)) for f in range(1, how.frames))
    return torch.stack([pixels, *noisy], 1)


def motion_blur(pixels: torch.Tensor, how: Perturbation, draws: FrameDraws) -> torch.Tensor:
    """The angle changes, in degrees."""
    del draws
    images = floats(pixels)
    return torch.stack([rounded(_smeared(images, how, angle)) for angle in how.amounts()], 1)


def snow(pixels: torch.Tensor, how: Perturbation, draws: FrameDraws) -> torch.Tensor:
    """The same flakes fall at an angle that changes, in degrees."""
    of = how.values
    flakes = snow_flakes(
        draws.of(0),
        mean=of["mean"],
        std=of["std"],
        zoom=of["zoom"],
        threshold=of["threshold"],
        side=how.side,
    )
    falling = (floats(rounded(_smeared(flakes, how, angle))) for angle in how.amounts())
    return torch.stack([snowed(pixels, layer, kept=of["kept"]) for layer in falling], 1)


def _smeared(images: torch.Tensor, how: Perturbation, angle: float) -> torch.Tensor:
    radius, sigma = how.values["radius"], how.values["sigma"]
    return smeared(images, radius=radius, sigma=sigma, angles=[angle] * len(images))


def brightness(pixels: torch.Tensor, how: Perturbation, draws: FrameDraws) -> torch.Tensor:
    """So much is added to the value of HSV."""
    del draws
    return torch.stack([with_value(pixels, added) for added in how.amounts()], 1)
