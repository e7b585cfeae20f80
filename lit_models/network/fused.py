"""What PyTorch's own layers compute, in fewer passes over memory; names and shapes are theirs.

On a CPU the maps of a network lie channels last: convolutions and batch norms are faster there, and
a 1x1 convolution is one matrix product. `ablate bench train` measures what all of this gives.

Nothing is written in place: hooks, `torch.func` and `torch.jit.trace` see every tensor as it was.
To `torch.fx` a function that looks at shape or layout is one node: `torch.fx.wrap` where it is
called.
"""

import torch
import torch.fx
from torch import Tensor, nn
from torch.nn import functional

torch.fx.wrap("pointwise_conv")
torch.fx.wrap("gelu")


def channels_last_on_cpu(x: Tensor) -> Tensor:
    """The maps `(N, C, H, W)` as they are, or copied to channels last where that pays."""
    if x.device.type != "cpu" or torch.compiler.is_exporting() or _alone(x):
        return x
    return _rows(x).contiguous().permute(0, 3, 1, 2)


def _rows(x: Tensor) -> Tensor:
    """A view `(N, H, W, C)` of maps: contiguous if they lie channels last.

    (To ask for the memory format itself is not implemented under `torch.func.vmap`.)
    """
    return x.permute(0, 2, 3, 1)


def _alone(x: Tensor) -> bool:
    """Whether this is one image on one thread, without gradients.

    Then PyTorch multiplies matrices itself in every convolution, and laying the weights of the
    3x3 ones channels last would take longer than what it gains.
    """
    if torch.compiler.is_compiling() or not _without_gradients():
        return False
    return len(x) == 1 and torch.get_num_threads() == 1


def _without_gradients() -> bool:
    """Whether no gradient will be asked for; a trace is for both and compared with both."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[no-untyped-call]
    return not (torch.is_grad_enabled() or traced)


class PointwiseConv(nn.Conv2d):
    """A 1x1 convolution of stride 1: a matrix product on maps that lie channels last."""

    def __init__(self, channels: int, width: int, *, bias: bool) -> None:
        super().__init__(channels, width, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, channels, H, W)` to `(N, width, H, W)`, channels last if `x` is."""
        return pointwise_conv(x, self.weight, self.bias)


def pointwise_conv(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution of `(N, C, H, W)` with a kernel `(width, C, 1, 1)`: `(N, width, H, W)`."""
    # A GPU adds a bias within the product, but in a pass of its own after a convolution.
    pays = not _alone(x) if x.device.type == "cpu" else bias is not None
    rows = _rows(x)
    if torch.compiler.is_exporting() or not (pays and rows.is_contiguous()):
        return functional.conv2d(x, weight, bias)
    return functional.linear(rows, weight.flatten(1), bias).permute(0, 3, 1, 2)


class GELU(nn.GELU):
    """Exact GELU of maps."""

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape, lying as `x` does."""
        return gelu(x)


def gelu(x: Tensor) -> Tensor:
    """GELU of maps `(N, C, H, W)`, or of anything else, lying as `x` does."""
    if torch.compiler.is_compiling() or x.dim() != 4 or x.is_contiguous():
        return functional.gelu(x)
    # PyTorch's fast GELU on a CPU is for tensors that lie in the order of their dimensions
    rows = _rows(x)
    return functional.gelu(rows).permute(0, 3, 1, 2) if rows.is_contiguous() else functional.gelu(x)


def residual_stream(x: Tensor) -> Tensor:
    """What a branch is added to, `(N, C, H, W)`: under autocast in float32, in every network.

    A float32 layer scale makes the sum float32 anyway (as in the released ConvNeXt code); without
    this rule a step that adds one would be a step of precision, too.
    """
    kind = x.device.type
    return x.float() if kind != "meta" and torch.is_autocast_enabled(kind) else x


def add_scaled(kept: Tensor, row: Tensor, factor: Tensor | None) -> Tensor:
    """`kept + row * factor` of maps `(N, C, H, W)`; no factor is 1."""
    if factor is None:
        return row + kept
    wide = row.dtype != factor.dtype
    if row.dtype == kept.dtype and not wide and _without_gradients():
        return torch.addcmul(kept, row, factor)  # its gradient would take a pass more
    return row * factor + kept  # under autocast of the wider type
