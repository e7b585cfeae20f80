"""Layers as functions of a state dict and a name."""

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def conv(
    state: State, name: str, x: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """Convolution of `(N, C, H, W)`; its bias if the state has one."""
    return F.conv2d(
        x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride, padding, groups=groups
    )


def depthwise(state: State, name: str, x: Tensor, *, stride: int = 1) -> Tensor:
    """A k x k convolution with one group a channel and zero padding k // 2."""
    kernel = state[f"{name}.weight"].shape[-1]
    return conv(state, name, x, stride=stride, padding=kernel // 2, groups=x.shape[1])


def linear(state: State, name: str, x: Tensor) -> Tensor:
    """A linear layer on the last axis."""
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def batch_norm(state: State, name: str, x: Tensor) -> Tensor:
    """Batch norm with running statistics, eps 1e-5, written out."""
    mean, var, weight, bias = (
        state[f"{name}.{key}"].view(1, -1, 1, 1)
        for key in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def layer_norm(state: State, name: str, x: Tensor) -> Tensor:
    """Layer norm over the last axis, eps 1e-6."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return F.layer_norm(x, weight.shape, weight, bias, 1e-6)


def channel_norm(state: State, name: str, x: Tensor) -> Tensor:
    """Layer norm over the channels of `(N, C, H, W)` at each position, eps 1e-6, written out."""
    mean = x.mean(1, keepdim=True)
    var = (x - mean).square().mean(1, keepdim=True)
    weight, bias = (state[f"{name}.{key}"].view(1, -1, 1, 1) for key in ("weight", "bias"))
    return (x - mean) / torch.sqrt(var + 1e-6) * weight + bias


def per_channel(factor: Tensor, x: Tensor) -> Tensor:
    """`(N, C, H, W)` times one factor a channel."""
    return x * factor.reshape(1, -1, 1, 1)


def pooled(x: Tensor) -> Tensor:
    """`(N, C, H, W)` averaged over positions."""
    return x.mean((2, 3))


def classes(state: State, name: str) -> int:
    """How many logits the classifier gives."""
    return int(state[f"{name}.weight"].shape[0])
