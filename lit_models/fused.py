"""What PyTorch's own layers compute, in fewer passes over memory; names and shapes are theirs.

On a CPU the maps of a network lie channels last: convolutions and batch norms are faster there, and
a 1x1 convolution is one matrix product. `ablate bench train` measures what all of this gives.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def channels_last_on_cpu(x: Tensor) -> Tensor:
    """The maps `(N, C, H, W)` as they are, or copied to channels last where that pays."""
    if x.device.type != "cpu" or torch.compiler.is_exporting() or _alone(x):
        return x
    return x.contiguous(memory_format=torch.channels_last)


def _alone(x: Tensor) -> bool:
    """Whether this is one image on one thread, without gradients.

    Then PyTorch multiplies matrices itself in every convolution, and laying the weights of the
    3x3 ones channels last would take longer than what it gains.
    """
    if torch.compiler.is_compiling() or torch.is_grad_enabled():
        return False
    return len(x) == 1 and torch.get_num_threads() == 1


class PointwiseConv(nn.Conv2d):
    """A 1x1 convolution of stride 1: a matrix product on maps that lie channels last."""

    def __init__(self, channels: int, width: int, *, bias: bool) -> None:
        super().__init__(channels, width, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, channels, H, W)` to `(N, width, H, W)`, channels last if `x` is."""
        if not self._multiplies(x):
            return super().forward(x)
        weight = self.weight.flatten(1)
        return functional.linear(x.permute(0, 2, 3, 1), weight, self.bias).permute(0, 3, 1, 2)

    def _multiplies(self, x: Tensor) -> bool:
        # A GPU adds a bias within the product, but in a pass of its own after a convolution.
        pays = not _alone(x) if x.device.type == "cpu" else self.bias is not None
        return pays and _lies_channels_last(x) and not torch.compiler.is_exporting()


class OverwritingReLU(nn.ReLU):
    """ReLU of a map that nothing else reads, in its place."""

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        return functional.relu(x, inplace=_overwritable(x))


class OverwritingGELU(nn.GELU):
    """Exact GELU of a map that nothing else reads, in its place unless a gradient needs it."""

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape, lying as `x` does."""
        if torch.compiler.is_compiling():
            return functional.gelu(x)
        if x.is_contiguous() or not _lies_channels_last(x):
            return _gelu(x)
        # PyTorch's fast GELU on a CPU is for tensors that lie in the order of their dimensions
        return _gelu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _gelu(x: Tensor) -> Tensor:
    if torch.is_grad_enabled():
        return functional.gelu(x)
    out: Tensor = torch.ops.aten.gelu_(x)  # functional has no such argument
    return out


def _lies_channels_last(x: Tensor) -> bool:
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)


def _overwritable(x: Tensor) -> bool:
    """Whether overwriting is cheaper than a new tensor.

    It is not for a view in training: its gradient would be copied to the other layout and back.
    """
    if torch.compiler.is_compiling():
        return False
    return not torch.is_grad_enabled() or not x._is_view()


def residual_stream(x: Tensor) -> Tensor:
    """What a branch is added to, `(N, C, H, W)`: under autocast in float32, in every network.

    A float32 layer scale makes the sum float32 anyway (as in the released ConvNeXt code); without
    this rule a step that adds one would be a step of precision, too.
    """
    kind = x.device.type
    return x.float() if kind != "meta" and torch.is_autocast_enabled(kind) else x


def add_scaled(kept: Tensor, row: Tensor, factor: Tensor | None, *, overwrite: bool) -> Tensor:
    """`kept + row * factor` of maps `(N, C, H, W)`; no factor is 1.

    With `overwrite` nothing else reads `row`, and it may hold the result.
    """
    wide = factor is not None and row.dtype != factor.dtype
    if row.dtype != kept.dtype or wide:  # under autocast the sum is the wider type
        return (row if factor is None else row * factor) + kept
    if factor is None:
        return row.add_(kept) if overwrite and _overwritable(row) else row + kept
    if torch.is_grad_enabled():  # the gradient of addcmul takes a pass more than that of both
        return (row * factor).add_(kept)
    return torch.addcmul(kept, row, factor)
