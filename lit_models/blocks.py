"""The block grammar as modules: a branch from its description, a block as a row of branches."""

import torch
from timm.layers import DropPath
from torch import nn

from lit_models import spec as space
from lit_models.layers import ConvNormAct, LayerScale, make_activation, make_norm


class Branch(nn.Module):
    """One row of layers from `(N, channels, H, W)` to `(N, block width, H / stride, W / stride)`.

    The stride is taken by the spatial layer. A residual branch that changes the shape has a
    projection shortcut: 1x1 convolution, with a norm if the spec says so.
    """

    def __init__(
        self,
        spec: space.ArchSpec,
        branch: space.Branch,
        channels: int,
        *,
        stage: int,
        stride: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        width = spec.block_width(stage)
        places = {"norm": branch.norms, "act": branch.activations}
        self.norm_in = make_norm(spec, channels) if "input" in places["norm"] else nn.Identity()
        self.act_in = make_activation(spec) if "input" in places["act"] else nn.Identity()
        self.layers = _row(spec, branch, channels, stage=stage, stride=stride)
        scale = branch.layer_scale
        self.scale = nn.Identity() if scale is None else LayerScale(width, scale)
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.residual = branch.residual
        self.shortcut: nn.Module = nn.Identity()
        if branch.residual and (stride != 1 or channels != width):
            self.shortcut = ConvNormAct(
                spec, channels, width, kernel_size=1, stride=stride, norm=spec.shortcut_norm
            )
        self.norm_out = make_norm(spec, width) if "sum" in places["norm"] else nn.Identity()
        self.act_out = make_activation(spec) if "sum" in places["act"] else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, channels, H, W)` to `(N, block width, H / stride, W / stride)`."""
        y = self.drop_path(self.scale(self.layers(self.act_in(self.norm_in(x)))))
        if self.residual:
            y = y + self.shortcut(x)
        out: torch.Tensor = self.act_out(self.norm_out(y))
        return out


def _row(
    spec: space.ArchSpec, branch: space.Branch, channels: int, *, stage: int, stride: int
) -> nn.Sequential:
    """The branch's layers in order; each knows the channels that arrive at it."""
    row = nn.Sequential()
    width, hidden = spec.block_width(stage), spec.hidden_width(stage, branch)
    for role in branch.layers:
        spatial = branch.spatial if role == "spatial" else None
        target = {"pointwise_in": hidden, "pointwise_out": width, "spatial": channels}[role]
        layer = ConvNormAct(
            spec,
            channels,
            target,
            kernel_size=spatial.kernel_size if spatial else 1,
            stride=stride if spatial else 1,
            depthwise=spatial is not None and spatial.kind == "depthwise",
            norm=role in branch.norms,
            activation=role in branch.activations,
        )
        row.add_module(role, layer)
        channels = target
    return row


def build_block(
    spec: space.ArchSpec,
    block: space.Block,
    channels: int,
    *,
    stage: int,
    stride: int,
    drop_path: float,
) -> nn.Sequential:
    """The block's branches in a row; only the first changes the shape."""
    row = nn.Sequential()
    for index, branch in enumerate(block.branches):
        module = Branch(
            spec,
            branch,
            spec.block_width(stage) if index else channels,
            stage=stage,
            stride=1 if index else stride,
            drop_path=drop_path,
        )
        row.append(module)
    return row
