"""Re-parameterisation: parallel convolutions and their batch norms become one convolution each.

The training form of a large kernel (RepLKNet, arXiv 2203.06717, section 3) computes
sum_i norm_i(conv_i(x)). In evaluation a batch norm is an affine map per channel, so each term is a
convolution with a bias, and the sum of convolutions is the convolution with the sum of the kernels,
the small ones in the middle of the large one.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from lit_models.network.backbone import Backbone
from lit_models.network.layers import ParallelConv
from lit_models.space.spec import merged_spec


def merge(model: Backbone) -> Backbone:
    """A copy of `model` with one biased convolution in place of all parallel ones.

    Its spec is `merged_spec(model.spec)`; everything else is copied, and modules that blocks share
    are shared in the copy. It computes what `model` computes in evaluation: batch norms enter with
    their running statistics, also when `model` is in training mode.

    Raises ValueError when the network has nothing to merge.
    """
    if not _parallel(model):
        raise ValueError(
            "this network has nothing to merge: no spatial convolution of its spec has "
            "parallel_kernels"
        )
    merged = deepcopy(model)
    made = {parallel: _one_convolution(parallel) for parallel in _parallel(merged)}
    for parent in list(merged.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, ParallelConv):
                setattr(parent, name, made[child])
    merged.spec = merged_spec(model.spec)
    return merged


def for_inference(model: nn.Module) -> nn.Module:
    """The network that is evaluated and exported: merged where it can be, else `model` itself."""
    return merge(model) if isinstance(model, Backbone) and _parallel(model) else model


def _parallel(model: nn.Module) -> list[ParallelConv]:
    return [module for module in model.modules() if isinstance(module, ParallelConv)]


@torch.no_grad()
def _one_convolution(parallel: ParallelConv) -> nn.Conv2d:
    """The convolution with the large kernel's shape; sums are taken in float64."""
    large = parallel.convs[0]
    assert isinstance(large, nn.Conv2d)
    weight, bias = _folded(parallel, 0)
    for index in range(1, len(parallel.convs)):
        kernel, shift = _folded(parallel, index)
        margin = (weight.shape[-1] - kernel.shape[-1]) // 2
        weight += nn.functional.pad(kernel, (margin,) * 4)
        bias += shift
    shape = {name: getattr(large, name) for name in ("kernel_size", "stride", "padding", "groups")}
    merged = nn.Conv2d(large.in_channels, large.out_channels, **shape, device="meta")
    like = large.weight
    merged.weight = nn.Parameter(torch.empty_like(like).copy_(weight), like.requires_grad)
    merged.bias = nn.Parameter(bias.to(like), like.requires_grad)
    return merged.train(parallel.training)


def _folded(parallel: ParallelConv, index: int) -> tuple[Tensor, Tensor]:
    """Kernel and bias, in float64 on the CPU, of one convolution with its batch norm."""
    conv, norm = parallel.convs[index], parallel.norms[index]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance = norm.running_mean.cpu().double(), norm.running_var.cpu().double()
    scale = norm.weight.cpu().double() / (variance + norm.eps).sqrt()
    kernel = conv.weight.cpu().double() * scale.view(-1, 1, 1, 1)
    return kernel, norm.bias.cpu().double() - mean * scale
