"""The one way in which a network is asked about pixels: normalisation is part of it."""

from collections.abc import Sequence

import torch
from torch import nn


class Pixels(nn.Module):
    """A network that takes pixels: images `(N, C, H, W)` in [0, 1] to logits `(N, K)` float32.

    It is in evaluation mode, on its device, and no gradient goes to its parameters; gradients with
    respect to the pixels are those of the network behind its normalisation.

    Args:
        network: takes normalised images.
        mean: per channel, of pixels in [0, 1].
        std: likewise.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels `(N, C, H, W)` in [0, 1] to logits `(N, K)`."""
        logits: torch.Tensor = self.network((pixels - self.mean) / self.std)
        return logits
