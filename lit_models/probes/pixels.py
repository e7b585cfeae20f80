"""The one way in which a network is asked about pixels: normalisation is part of it.

How a sum is rounded depends on the shape of a batch: the same image has other last digits among 64
images than among 7, and where a gradient is nearly zero an attack then takes another sign. On a CPU
a network is therefore shown always the same number of images at once, and its answer to an image,
and the gradient, are the same bits whatever batch the image came in.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

ROWS = 16  # images that a network is shown at once on a CPU: more are no faster there


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
        if pixels.device.type != "cpu":
            return self.at_once(pixels)
        return torch.cat([self._padded(rows) for rows in torch.split(pixels, ROWS)])

    def at_once(self, pixels: torch.Tensor) -> torch.Tensor:
        """The same in one pass of the network, for hooks; the last digits depend on the batch."""
        logits: torch.Tensor = self.network((pixels - self.mean) / self.std)
        return logits

    def _padded(self, rows: torch.Tensor) -> torch.Tensor:
        missing = ROWS - len(rows)
        return self.at_once(functional.pad(rows, (0, 0) * 3 + (0, missing)))[: len(rows)]
