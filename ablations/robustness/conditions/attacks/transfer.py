"""TAIG as a condition: images are changed against one network, once, and shown to all."""

from dataclasses import dataclass
from typing import Any

import torch

from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch, Images
from ablations.robustness.conditions.attacks.attack import asked, eps_word, uniform
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import ImageCondition, Plain
from ablations.robustness.conditions.others import OtherNetwork
from lit_models.probes.attacks.ball import Attacked
from lit_models.probes.attacks.transfer import INTERVALS, ITERATIONS, STEP, taig


@dataclass(frozen=True)
class Taig(ImageCondition):
    """An attack by integrated gradients of a network that is none of those asked (TAIG-R).

    Attributes:
        eps: largest change of a value before rounding to 256 levels, pixels in [0, 1].
        surrogate: the network that it is made on.
    """

    eps: float
    surrogate: OtherNetwork
    kind = "attacks"

    @property
    def name(self) -> str:
        """Such as `taig/0.03`."""
        return f"taig/{eps_word(self.eps)}"

    def parameters(self) -> Plain:
        """Largest change, steps, points of a path, and the network."""
        return {
            "eps": self.eps,
            "steps": ITERATIONS,
            "step": STEP,
            "points": INTERVALS + 1,
            "noise": True,
            "surrogate": self.surrogate.name,
            "surrogate_weights": self.surrogate.digest,
        }

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """The network is the surrogate."""
        del images
        if network.checkpoint != self.surrogate.digest:
            return None
        return f"{network.name} is attacks.surrogate itself: an attack made on it does not transfer"

    def make(self, batch: ImageBatch) -> Attacked:
        """The images after the attack on the surrogate, on the CPU."""
        clean, device = as_floats(batch.pixels), self.surrogate.device
        shape, points = tuple(clean.shape[1:]), INTERVALS + 1

        def noise(iteration: int, point: int) -> torch.Tensor:
            level, seed = iteration * points + point, batch.seed
            drawn = uniform("attacks/taig", shape, level=level, seed=seed, indices=batch.indices)
            return drawn.to(device)

        labels = torch.from_numpy(batch.labels).to(device)
        found = taig(self.surrogate.pixels, clean.to(device), labels, eps=self.eps, noise=noise)
        return Attacked(found.pixels.cpu(), found.masked.cpu())

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """The classes that a network takes the changed images for, and how much they changed."""
        clean = as_floats(batch.pixels).to(network.device)
        there = Attacked(made.pixels.to(network.device), made.masked)
        return asked(network, there, clean, batch)
