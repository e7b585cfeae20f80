"""How far from its centre a depthwise kernel looks: kernel attention distance.

The idea is that of arXiv 2407.08972, section 4.6, after the attention distance of transformers. The
code released with it takes the sum of |w| d over the distance of a corner, without dividing by the
sum of |w|: a kernel of larger weights is then further away. Both are here.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from lit_models.network.backbone import Backbone
from lit_models.network.layers import ConvNormAct
from lit_models.network.merging import for_inference
from lit_models.probes.anatomy import anatomy


@dataclass(frozen=True)
class DepthwiseKernel:
    """The kernels of a depthwise convolution.

    Attributes:
        stage: counted from 1.
        block: its position among all blocks of the network, from 0.
        weight: (C, k, k) float64, in the form that is evaluated.
        dilation: positions between two weights.
    """

    stage: int
    block: int
    weight: Tensor
    dilation: tuple[int, int]


def depthwise_kernels(network: nn.Module) -> tuple[DepthwiseKernel, ...]:
    """The kernels of the depthwise convolutions larger than 1x1 in a network's blocks.

    Parallel kernels are merged into one, each with its batch norm; the scale of a batch norm right
    behind the convolution is multiplied in. One that several blocks share is there once.

    Raises:
        ValueError: see `anatomy`.
    """
    network = for_inference(network)
    scales = _scales(network)
    found: dict[nn.Module, DepthwiseKernel] = {}
    for position, part in enumerate(anatomy(network).blocks):
        for conv in part.module.modules():
            if _is_depthwise(conv) and conv not in found:
                assert isinstance(conv, nn.Conv2d)
                weight = conv.weight.detach().cpu().double().squeeze(1)
                weight = weight * scales[conv] if conv in scales else weight
                dilation = cast("tuple[int, int]", conv.dilation)
                found[conv] = DepthwiseKernel(part.stage, position, weight, dilation)
    return tuple(found.values())


def attention_distance(kernel: DepthwiseKernel) -> tuple[Tensor, Tensor]:
    """Mean distance to the centre in positions, weighted by |w|, and the sum of |w| d: (C,) each.

    A channel without weight has no mean distance: NaN.
    """
    weight = kernel.weight.abs()
    raw = (weight * _distances(kernel)).sum((1, 2))
    return raw / weight.sum((1, 2)), raw


def uniform_distance(kernel: DepthwiseKernel) -> float:
    """The mean distance of a kernel of this size whose weights are all the same."""
    return float(_distances(kernel).mean())


def _distances(kernel: DepthwiseKernel) -> Tensor:
    """Euclidean distances (k, k) to the middle; that of an even kernel is between its weights."""
    rows, columns = (
        step * (torch.arange(size, dtype=torch.float64) - (size - 1) / 2)
        for size, step in zip(kernel.weight.shape[1:], kernel.dilation, strict=True)
    )
    return torch.hypot(*torch.meshgrid(rows, columns, indexing="ij"))


def _is_depthwise(module: nn.Module) -> bool:
    if not isinstance(module, nn.Conv2d) or module.groups == 1:
        return False
    return module.groups == module.in_channels and max(module.kernel_size) > 1


def _scales(network: nn.Module) -> dict[nn.Module, Tensor]:
    """By convolution, the factors (C, 1, 1) of the batch norm that comes next."""
    found: dict[nn.Module, Tensor] = {}
    for layer in network.modules() if isinstance(network, Backbone) else ():
        children = list(layer.children()) if isinstance(layer, ConvNormAct) else []
        for conv, norm in pairwise(children):
            if isinstance(norm, nn.BatchNorm2d):
                assert norm.running_var is not None
                deviation = (norm.running_var.cpu().double() + norm.eps).sqrt()
                found[conv] = (norm.weight.detach().cpu().double() / deviation).view(-1, 1, 1)
    return found
