"""What attacks have in common: the gradient, the largest change that is allowed, the outcome."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lit_models.probes.pixels import Pixels


@dataclass(frozen=True)
class Attacked:
    """Images after an attack.

    Attributes:
        pixels: (N, C, H, W) in [0, 1].
        masked: (N,) bool: the gradient that the attack began with is exactly zero in more than half
            of the image's values, as where the loss is saturated. Such an image stands an attack
            whether the network is robust or not.
    """

    pixels: Tensor
    masked: Tensor

    def distances(self, clean: Tensor) -> Tensor:
        """(N,) largest change of a value of each image, of `clean` (N, C, H, W)."""
        return (self.pixels - clean).abs().flatten(1).amax(1)


def loss_gradient(network: Pixels, pixels: Tensor, labels: Tensor) -> Tensor:
    """The gradient (N, C, H, W) of each image's own cross-entropy.

    That of their sum: with the mean over a batch, it would depend on how many images are in it.

    Args:
        network: in evaluation mode, so that no image has a part in another one's loss.
        pixels: (N, C, H, W) in [0, 1].
        labels: (N,) int64, the true classes.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        inputs = pixels.detach().clone().requires_grad_()
        loss = cross_entropy(network(inputs), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, inputs)
    return gradient


def projected(pixels: Tensor, clean: Tensor, *, eps: float) -> Tensor:
    """The nearest pixels within `eps` of the clean ones and in [0, 1]."""
    change = (pixels - clean).clamp(-eps, eps)
    return (clean + change).clamp(0, 1)


def mostly_zero(gradient: Tensor) -> Tensor:
    """(N,) bool: exactly zero in more than half of the values of an image."""
    return (gradient == 0).flatten(1).double().mean(1) > 0.5


def strongest(network: Pixels, attacks: Iterable[Attacked], labels: Tensor) -> Attacked:
    """Of several attacks the first that makes the network wrong, image by image.

    An image for which none does keeps the first attack: the network is right under all of them.
    """
    best: Attacked | None = None
    right = torch.ones_like(labels, dtype=torch.bool)
    for attack in attacks:
        with torch.inference_mode():
            stands = network(attack.pixels).argmax(1) == labels
        takes = right & ~stands
        best = attack if best is None else _merged(best, attack, takes)
        right &= stands
    assert best is not None
    return best


def _merged(one: Attacked, other: Attacked, takes: Tensor) -> Attacked:
    pixels = torch.where(takes[:, None, None, None], other.pixels, one.pixels)
    return Attacked(pixels, torch.where(takes, other.masked, one.masked))
