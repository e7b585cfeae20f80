"""What attacks on the networks that are asked have in common."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ablations.robustness.conditions.answers import answers
from ablations.robustness.conditions.arrays import DISTANCE, MASKED
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import ImageCondition
from datamodules.sampling.image_draws import image_generators
from datamodules.sampling.random_streams import Integers
from lit_models.probes.attacks.ball import Attacked
from lit_models.probes.pixels import Pixels

_ROUNDING = 1e-6  # of pixels in [0, 1]


def eps_word(eps: float) -> str:
    """A change of pixels in [0, 1] as part of a name: `8_255` for 8/255, and such as `0.1`.

    What three digits say is written so (0.2 is 51/255, too).
    """
    if float(f"{eps:.3g}") == eps:
        return f"{eps:g}"
    levels = eps * 255
    return f"{levels:.12g}_255" if abs(levels * 2 - round(levels * 2)) < 1e-9 else f"{eps:.12g}"


@dataclass(frozen=True)
class Attack(ImageCondition):
    """Each network is asked about images that were changed against it.

    Images that it gets wrong without a change count as wrong, as they do in an accuracy.

    Attributes:
        eps: largest change of a value, pixels in [0, 1].
    """

    eps: float
    kind = "attacks"

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The pixels `(N, C, H, W)` in [0, 1], as they are."""
        return as_floats(batch.pixels)

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """The classes that a network takes the changed images for, and how much they changed."""
        pixels = made.to(network.device)
        labels = torch.from_numpy(batch.labels).to(network.device)
        return asked(network, self.attacked(network.pixels, pixels, labels, batch), pixels, batch)

    @abstractmethod
    def attacked(
        self, network: Pixels, pixels: torch.Tensor, labels: torch.Tensor, batch: ImageBatch
    ) -> Attacked:
        """The images after the attack.

        Args:
            network: which is attacked.
            pixels: (N, C, H, W) in [0, 1], on its device.
            labels: (N,), likewise.
            batch: where they are from, for the draws.
        """


def asked(
    network: AskedNetwork,
    attack: Attacked,
    clean: torch.Tensor,
    batch: ImageBatch,
) -> Arrays:
    """The answers to images after an attack, with `distance` and `masked` (N,)."""
    with torch.inference_mode():
        logits = network.pixels(attack.pixels)
    found = answers(logits, batch.labels, batch.indices)
    distances = attack.distances(clean).float().cpu().numpy()
    return {**found, DISTANCE: distances, MASKED: attack.masked.cpu().numpy()}


def within(distances: torch.Tensor, eps: float) -> bool:
    """Whether no image changed by more than eps, but for the rounding of float32."""
    return bool((distances <= eps + _ROUNDING).all())


def uniform(
    name: str, shape: tuple[int, ...], *, level: int, seed: int, indices: Integers
) -> torch.Tensor:
    """Numbers `(N, *shape)` float32 in [-1, 1), for each of `indices` (N,) its own."""
    generators = image_generators(name, level=level, seed=seed, indices=indices)
    drawn = np.stack([generator.random(shape, dtype=np.float32) for generator in generators])
    return torch.from_numpy(drawn * 2 - 1)
