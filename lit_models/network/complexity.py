"""Parameters, multiply-adds and activations of a spec, counted on the meta device."""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from timm.layers import BlurPool2d
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lit_models.families.reference import Network, TimmModel
from lit_models.network.builder import build
from lit_models.network.layers import extras_of


@dataclass(frozen=True)
class Complexity:
    """Cost of one image.

    `gmacs` counts convolution, linear and matrix-product multiply-adds / 1e9 (no norms, no
    activations). `activations` counts the output values of convolutions and linear layers, as in
    "Designing Network Design Spaces" (arXiv 2003.13678). A blur is a convolution in both.
    """

    params: int
    gmacs: float
    activations: int


@lru_cache(maxsize=512)
def count(
    spec: Network, *, image_size: int, num_classes: int = 1000, in_chans: int = 3
) -> Complexity:
    """Complexity of a spec at `(1, in_chans, image_size, image_size)`; allocates no memory.

    timm's fused attention is counted as the two matrix products that it computes. Raises ValueError
    when the image is too small for the network, or timm's is built for another size.
    """
    with torch.device("meta"):
        model: nn.Module = build(spec, num_classes=num_classes, in_chans=in_chans).eval()
        image = torch.empty(1, in_chans, image_size, image_size)
    params = sum(parameter.numel() for parameter in model.parameters())
    if not isinstance(spec, TimmModel):  # timm's modules may read their norms' parameters
        model = _without_norms(model)
    return replace(measure(model, image), params=params)


def _without_norms(model: nn.Module) -> nn.Module:
    """The module with its norms taken out: they count for nothing and are slow to trace."""
    inside = {part for placed in extras_of(model) for part in placed.module.modules()}
    for parent in set(model.modules()) - inside:  # a primitive may read its norm's parameters
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm):
                setattr(parent, name, nn.Identity())
    return model


def measure(model: nn.Module, image: torch.Tensor) -> Complexity:
    """Complexity of any module for one input `(1, C, H, W)`."""
    sizes: list[int] = []

    def record(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        sizes.append(output.numel())

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear | BlurPool2d)]
    hooks = [layer.register_forward_hook(record) for layer in layers]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(image)
    except (AssertionError, RuntimeError) as error:  # timm asserts the size of an image
        side = image.shape[-1]
        raise ValueError(f"a {side} px image does not fit this network: {error}") from None
    finally:
        for hook in hooks:
            hook.remove()
    params = sum(parameter.numel() for parameter in model.parameters())
    return Complexity(params, counter.get_total_flops() / 2 / 1e9, sum(sizes))
