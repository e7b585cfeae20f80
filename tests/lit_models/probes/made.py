"""Networks in which every part does something, and images for them."""

from typing import Any

import torch
from torch import nn

from lit_models.network.builder import build
from lit_models.probes.anatomy import anatomy
from lit_models.probes.pixels import Pixels


def lively(name: str, *, seed: int = 0) -> Any:
    """A network in evaluation whose norms have drawn weights and statistics, and its head too."""
    network = build(name, num_classes=3, seed=seed)
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            for tensor in affine(module):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=draws))
        for parameter in network.get_classifier().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
    return network.eval()


def affine(module: nn.Module) -> list[torch.Tensor]:
    """What scales and shifts in a norm."""
    if isinstance(module, nn.BatchNorm2d):
        assert module.running_mean is not None
        assert module.running_var is not None
        return [module.weight, module.bias, module.running_mean, module.running_var]
    return [module.weight, module.bias] if isinstance(module, nn.LayerNorm | nn.GroupNorm) else []


def pixels_of(network: nn.Module) -> Pixels:
    """The network behind a normalisation that is none."""
    return Pixels(network, mean=[0.0], std=[1.0])


def images(network: nn.Module, *, count: int = 2, side: int = 32) -> torch.Tensor:
    """Noise `(N, 3, H, W)` in [0, 1] of the side that a network takes, or of this one."""
    side = anatomy(network).side or side
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))
