"""The primitives that the builder composes: norms, convolution + norm + activation, layer scale."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import torch
from timm.layers import BlurPool2d, GroupNorm1, LayerNorm2d, create_act_layer
from torch import nn

from lit_models.network.extras import Placed, make_extra
from lit_models.network.fused import GELU, PointwiseConv
from lit_models.space.geometry import padding
from lit_models.space.spec import BLURRED_CHANNELS, ActivationKind, ArchSpec, Extra, NormKind

# Epsilons: PyTorch's 1e-5 for batch norm and group norm, 1e-6 for layer norm as in the released
# code of ConvNeXt (arXiv 2201.03545) and SPACH (arXiv 2108.13002).
_NORMS: Mapping[NormKind, Callable[[int], nn.Module]] = MappingProxyType(
    {
        "batch": lambda channels: nn.BatchNorm2d(channels, eps=1e-5),
        "layer": lambda channels: LayerNorm2d(channels, eps=1e-6),
        "group": lambda channels: GroupNorm1(channels, eps=1e-5),
        "none": lambda _: nn.Identity(),
    }
)


def make_norm(spec: ArchSpec, channels: int, *, kind: NormKind | None = None) -> nn.Module:
    """A norm for maps `(N, channels, H, W)`: of this kind, else of the spec's."""
    return _NORMS[kind or spec.norm](channels)


def make_activation(spec: ArchSpec, *, kind: ActivationKind | None = None) -> nn.Module:
    """An activation of this kind, else of the spec's."""
    chosen = kind or spec.activation
    layer: nn.Module = GELU() if chosen == "gelu" else create_act_layer(chosen, inplace=False)
    return layer


def make_blur(channels: int) -> nn.Module:
    """A fixed depthwise 3x3 binomial filter of stride 1 on `(N, channels, H, W)`, zeros around it.

    Its buffer is not in the state dict: it is a constant and no result of training, so a network
    with blurs and the same network without have the same keys.
    """
    return BlurPool2d(channels, filt_size=3, stride=1, pad_mode="constant")


class ParallelConv(nn.Module):
    """Convolutions of several kernel sizes on one input, each with its batch norm, summed.

    The training form of a large kernel (RepLKNet, arXiv 2203.06717), of which
    `lit_models.network.merging` makes one convolution. Maps `(N, channels, H, W)` to
    `(N, width, H / stride, W / stride)`.
    """

    def __init__(
        self, channels: int, width: int, sizes: tuple[int, ...], *, stride: int, groups: int
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, width, size, stride, size // 2, groups=groups, bias=False)
            for size in sizes
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, eps=1e-5) for _ in sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, channels, H, W)` to `(N, width, H / stride, W / stride)`."""
        parts = [norm(conv(x)) for conv, norm in zip(self.convs, self.norms, strict=True)]
        out: torch.Tensor = parts[0]
        for part in parts[1:]:
            out = out + part
        return out


class ConvNormAct(nn.Sequential):
    """A convolution `conv` with optional `norm` and `act`, in the spec's order.

    With the spec's `blur_pool`, a stride and enough channels, `blur` comes first. With
    `parallel_kernels` the convolution is a `ParallelConv`, and a `mixer` takes its place.
    Primitives (`extras`) come last, each under its name. Maps `(N, C, H, W)` to
    `(N, width, H / stride, W / stride)`, rounding up.
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
        norm_kind: NormKind | None = None,
        activation_kind: ActivationKind | None = None,
        bias: bool | None = None,
        parallel_kernels: tuple[int, ...] | None = None,
        mixer: nn.Module | None = None,
        extras: tuple[Extra, ...] = (),
    ) -> None:
        super().__init__()
        if spec.blur_pool and stride > 1 and channels >= BLURRED_CHANNELS:
            self.blur = make_blur(channels)
        before, after = padding(kernel_size, stride)
        if before != after:
            self.pad = nn.ZeroPad2d((before, after, before, after))
        norm_next = norm and (spec.norm_first or not activation)
        batch_norm_next = norm_next and (norm_kind or spec.norm) == "batch"
        groups = channels if depthwise else 1
        self.conv: nn.Module
        if mixer is not None:
            self.mixer = mixer
        elif parallel_kernels is not None:
            sizes = (kernel_size, *parallel_kernels)
            self.conv = ParallelConv(channels, width, sizes, stride=stride, groups=groups)
        else:
            biased = spec.bias == "always" or not batch_norm_next if bias is None else bias
            margin = before if before == after else 0
            self.conv = (
                PointwiseConv(channels, width, bias=biased)
                if kernel_size == stride == groups == 1
                else nn.Conv2d(channels, width, kernel_size, stride, margin, 1, groups, biased)
            )
        makers: dict[str, tuple[bool, Callable[[], nn.Module]]] = {
            "norm": (norm, lambda: make_norm(spec, width, kind=norm_kind)),
            "act": (activation, lambda: make_activation(spec, kind=activation_kind)),
        }
        for name in ("norm", "act") if spec.norm_first else ("act", "norm"):
            wanted, make = makers[name]
            if wanted:
                self.add_module(name, make())
        self.extras, self.width = extras, width
        for extra in extras:
            self.add_module(extra.name, make_extra(extra, width))


def extras_of(model: nn.Module) -> Iterator[Placed]:
    """Every primitive of a network."""
    for path, layer in model.named_modules():
        for extra in layer.extras if isinstance(layer, ConvNormAct) else ():
            module = layer.get_submodule(extra.name)
            yield Placed(f"{path}.{extra.name}", module, extra, layer.width)


class LayerScale(nn.Module):
    """A learned factor per channel on `(N, C, H, W)` (arXiv 2103.17239)."""

    def __init__(self, channels: int, initial: float) -> None:
        super().__init__()
        self.initial = initial
        self.gamma = nn.Parameter(torch.full((channels,), initial))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scaled `(N, C, H, W)`."""
        return x * self.gamma.view(1, -1, 1, 1)
