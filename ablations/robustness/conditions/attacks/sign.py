"""FGSM and PGD as conditions."""

from dataclasses import dataclass

import torch

from ablations.robustness.conditions.asked import AskedNetwork, ImageBatch
from ablations.robustness.conditions.attacks.attack import Attack, eps_word, uniform, within
from ablations.robustness.conditions.condition import Passes, Plain
from lit_models.probes.attacks.ball import Attacked, strongest
from lit_models.probes.attacks.sign import fgsm, pgd
from lit_models.probes.pixels import Pixels

STEP = 1 / 4  # of PGD, in eps (arXiv 2407.08972, section 4.2)


@dataclass(frozen=True)
class Fgsm(Attack):
    """One step along the sign of the gradient."""

    @property
    def name(self) -> str:
        """Such as `fgsm/8_255`."""
        return f"fgsm/{eps_word(self.eps)}"

    def parameters(self) -> Plain:
        """The largest change."""
        return {"eps": self.eps}

    def passes(self, network: AskedNetwork) -> Passes:
        """A gradient, and an answer."""
        del network
        return Passes(forwards=1, backwards=1)

    def attacked(
        self, network: Pixels, pixels: torch.Tensor, labels: torch.Tensor, batch: ImageBatch
    ) -> Attacked:
        """The images after the attack."""
        del batch
        found = fgsm(network, pixels, labels, eps=self.eps)
        assert within(found.distances(pixels), self.eps)
        return found


@dataclass(frozen=True)
class Pgd(Attack):
    """Several steps of eps/4 from a random start; an image has to stand it from all starts.

    The start is the same direction for every eps, number of steps and network.

    Attributes:
        steps: how many.
        restarts: random starts.
    """

    steps: int = 5
    restarts: int = 1

    @property
    def name(self) -> str:
        """Such as `pgd/8_255`."""
        return f"pgd/{eps_word(self.eps)}"

    def parameters(self) -> Plain:
        """Largest change, steps, change in each, starts."""
        return {
            "eps": self.eps,
            "steps": self.steps,
            "step": STEP * self.eps,
            "restarts": self.restarts,
        }

    def passes(self, network: AskedNetwork) -> Passes:
        """From every start a gradient for each step, and answers."""
        del network
        answers = 1 if self.restarts == 1 else self.restarts + 1
        return Passes(forwards=answers, backwards=self.restarts * self.steps)

    def attacked(
        self, network: Pixels, pixels: torch.Tensor, labels: torch.Tensor, batch: ImageBatch
    ) -> Attacked:
        """The images after the attack from the first start that makes the network wrong."""
        attacks = (
            pgd(
                network,
                pixels,
                labels,
                eps=self.eps,
                steps=self.steps,
                step=STEP * self.eps,
                start=_start(pixels, restart, batch),
            )
            for restart in range(self.restarts)
        )
        found = next(attacks) if self.restarts == 1 else strongest(network, attacks, labels)
        assert within(found.distances(pixels), self.eps)
        return found


@dataclass(frozen=True)
class PgdSteps(Pgd):
    """PGD by the number of its steps."""

    @property
    def name(self) -> str:
        """Such as `pgd_steps/10`."""
        return f"pgd_steps/{self.steps}"


def _start(pixels: torch.Tensor, restart: int, batch: ImageBatch) -> torch.Tensor:
    shape = tuple(pixels.shape[1:])
    drawn = uniform("attacks/pgd", shape, level=restart, seed=batch.seed, indices=batch.indices)
    return drawn.to(pixels.device)
