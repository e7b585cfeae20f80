"""The primitives that the builder composes: norms, convolution + norm + activation, layer scale."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from timm.layers import BlurPool2d, GroupNorm1, LayerNorm2d, create_act_layer
from torch import nn

from lit_models.spec import BLURRED_CHANNELS, ArchSpec, NormKind

# Epsilons: PyTorch's 1e-5 for batch norm, ConvNeXt's 1e-6 for layer norm (arXiv 2201.03545,
# released code).
_NORMS: Mapping[NormKind, Callable[[int], nn.Module]] = MappingProxyType(
    {
        "batch": lambda channels: nn.BatchNorm2d(channels, eps=1e-5),
        "layer": lambda channels: LayerNorm2d(channels, eps=1e-6),
        "group": lambda channels: GroupNorm1(channels, eps=1e-5),
    }
)


def make_norm(spec: ArchSpec, channels: int) -> nn.Module:
    """A norm of the spec's kind for maps `(N, channels, H, W)`."""
    return _NORMS[spec.norm](channels)


def make_activation(spec: ArchSpec) -> nn.Module:
    """An activation of the spec's kind."""
    layer: nn.Module = create_act_layer(spec.activation)
    return layer


def make_blur(channels: int) -> nn.Module:
    """A fixed depthwise 3x3 binomial filter of stride 1 on `(N, channels, H, W)`, zeros around it.

    Its buffer is not in the state dict: it is a constant and no result of training, so a network
    with blurs and the same network without have the same keys.
    """
    return BlurPool2d(channels, filt_size=3, stride=1, pad_mode="constant")


class ConvNormAct(nn.Sequential):
    """A convolution `conv` with optional `norm` and `act`, in the spec's order.

    With the spec's `blur_pool`, a stride and enough channels, `blur` comes first. Maps
    `(N, C, H, W)` to `(N, width, H / stride, W / stride)`, rounding up.
    """

    def __init__(
        self,
        spec: ArchSpec,
        channels: int,
        width: int,
        *,
        kernel_size: int,
        stride: int = 1,
        depthwise: bool = False,
        norm: bool = False,
        activation: bool = False,
    ) -> None:
        super().__init__()
        if spec.blur_pool and stride > 1 and channels >= BLURRED_CHANNELS:
            self.blur = make_blur(channels)
        norm_next = norm and (spec.norm_first or not activation)
        self.conv = nn.Conv2d(
            channels,
            width,
            kernel_size,
            stride,
            # a patch convolution (stride = kernel size) tiles the map and needs no padding
            padding=0 if stride == kernel_size else kernel_size // 2,
            groups=channels if depthwise else 1,
            bias=spec.bias == "always" or not (norm_next and spec.norm == "batch"),
        )
        follow = {"norm": norm, "act": activation}
        order = ("norm", "act") if spec.norm_first else ("act", "norm")
        for name in (name for name in order if follow[name]):
            layer = make_norm(spec, width) if name == "norm" else make_activation(spec)
            self.add_module(name, layer)


class LayerScale(nn.Module):
    """A learned factor per channel on `(N, C, H, W)` (arXiv 2103.17239)."""

    def __init__(self, channels: int, initial: float) -> None:
        super().__init__()
        self.initial = initial
        self.gamma = nn.Parameter(torch.full((channels,), initial))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scaled `(N, C, H, W)`."""
        return x * self.gamma.view(1, -1, 1, 1)
