"""The block grammar as modules: a branch from its description, a block as a row of branches."""

from dataclasses import dataclass, replace

import torch
import torch.fx
from timm.layers import DropPath
from torch import nn

from lit_models.network.fused import add_scaled, residual_stream
from lit_models.network.layers import ConvNormAct, LayerScale, make_activation, make_norm
from lit_models.network.mixers import Attention, TokenMlp
from lit_models.space import spec as space

torch.fx.wrap("add_scaled")
torch.fx.wrap("residual_stream")

SharedMixers = dict[tuple[object, ...], nn.Module]  # those of a stage that its blocks share


@dataclass(frozen=True)
class BlockContext:
    """Where a block stands: its stage, what arrives, its stride, and what its stage shares."""

    stage: int
    channels: int
    stride: int
    drop_path: float
    positions: int | None  # H x W of its map, where a token MLP needs to know
    shared: SharedMixers


class Branch(nn.Module):
    """One row of layers from `(N, channels, H, W)` to `(N, block width, H / stride, W / stride)`.

    The stride is taken by the spatial layer. A residual branch that changes the shape has a
    projection shortcut: 1x1 convolution, with a norm if the spec says so. A bypass convolves the
    shortcut and is added to the sum. Layer scale and drop path are factors in that sum: no map goes
    through their modules in a residual branch.
    """

    def __init__(self, spec: space.ArchSpec, branch: space.Branch, place: BlockContext) -> None:
        super().__init__()
        channels, width = place.channels, spec.block_width(place.stage)
        kind = branch.activation_kind
        norms, acts = branch.norms, branch.activations
        self.norm_in = make_norm(spec, channels) if "input" in norms else nn.Identity()
        self.act_in = make_activation(spec, kind=kind) if "input" in acts else nn.Identity()
        self.layers = _row(spec, branch, place)
        scale = branch.layer_scale
        self.scale = nn.Identity() if scale is None else LayerScale(width, scale)
        dropped = branch.residual and branch.layers and place.drop_path > 0
        self.drop_path = DropPath(place.drop_path) if dropped else nn.Identity()
        self.residual = branch.residual
        self.shortcut: nn.Module = nn.Identity()
        if branch.residual and (place.stride != 1 or channels != width):
            self.shortcut = ConvNormAct(
                spec,
                channels,
                width,
                kernel_size=1,
                stride=place.stride,
                norm=spec.shortcut_norm,
            )
        self.bypass = (
            nn.Conv2d(width, width, branch.bypass, padding=branch.bypass // 2, groups=width)
            if branch.bypass
            else None
        )
        self.norm_out = make_norm(spec, width) if "sum" in norms else nn.Identity()
        self.act_out = make_activation(spec, kind=kind) if "sum" in acts else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, channels, H, W)` to `(N, block width, H / stride, W / stride)`."""
        if not self.residual:
            y = self.scale(self.layers(self.act_in(self.norm_in(x))))
        else:
            y = kept = residual_stream(self.shortcut(x))
            if len(self.layers):
                row = self.layers(self.act_in(self.norm_in(x)))
                y = add_scaled(kept, row, self._factor(row))
            if self.bypass is not None:
                y = y + self.bypass(kept)
        out: torch.Tensor = self.act_out(self.norm_out(y))
        return out

    def _factor(self, row: torch.Tensor) -> torch.Tensor | None:
        """What the layers' output is multiplied by: layer scale, drop path, their product."""
        gamma = self.scale.gamma.view(1, -1, 1, 1) if isinstance(self.scale, LayerScale) else None
        if not (self.drop_path.training and isinstance(self.drop_path, DropPath)):
            return gamma
        drawn: torch.Tensor = self.drop_path(row.new_ones(row.shape[0], 1, 1, 1))
        return drawn if gamma is None else drawn * gamma


def _row(spec: space.ArchSpec, branch: space.Branch, place: BlockContext) -> nn.Sequential:
    """The branch's layers in order; each knows the channels that arrive at it."""
    row = nn.Sequential()
    channels = place.channels
    widths = spec.layer_widths(branch, place.stage, arriving=channels)
    for role, target in zip(branch.layers, widths, strict=True):
        if role == "spatial":
            layer = _spatial(spec, branch, channels, target, place)
        else:
            layer = ConvNormAct(
                spec,
                channels,
                target,
                kernel_size=1,
                norm=role in branch.norms,
                activation=role in branch.activations,
                activation_kind=branch.activation_kind,
                extras=branch.extras_after(role),
            )
        row.add_module(role, layer)
        channels = target
    return row


def _spatial(
    spec: space.ArchSpec, branch: space.Branch, channels: int, width: int, place: BlockContext
) -> nn.Sequential:
    """The spatial layer: a convolution `conv` or a `mixer`, with what follows it."""
    spatial = branch.spatial
    assert spatial is not None
    layer = ConvNormAct(
        spec,
        channels,
        width,
        kernel_size=spatial.kernel_size or 1,
        stride=place.stride,
        depthwise=spatial.kind == "depthwise",
        norm="spatial" in branch.norms,
        activation="spatial" in branch.activations,
        activation_kind=branch.activation_kind,
        parallel_kernels=spatial.parallel_kernels,
        extras=branch.extras_after("spatial"),
        mixer=None if spatial.convolves else _mixer(spec, branch, channels, place),
    )
    if spatial.shared:
        name = "conv" if spatial.convolves else "mixer"
        key = (spatial, channels, width, place.stride)
        setattr(layer, name, place.shared.setdefault(key, getattr(layer, name)))
    return layer


def _mixer(
    spec: space.ArchSpec, branch: space.Branch, channels: int, place: BlockContext
) -> nn.Module:
    spatial = branch.spatial
    assert spatial is not None
    if spatial.kind == "attention":
        return Attention(channels, heads=spec.heads(spatial, channels))
    assert place.positions is not None
    return TokenMlp(
        place.positions,
        hidden=spatial.token_width(place.positions),
        activation=make_activation(spec, kind=branch.activation_kind),
    )


def build_block(spec: space.ArchSpec, block: space.Block, place: BlockContext) -> nn.Sequential:
    """The block's branches in a row; only the first changes the shape."""
    row = nn.Sequential()
    width = spec.block_width(place.stage)
    after = replace(place, channels=width, stride=1)
    for index, branch in enumerate(block.branches):
        row.append(Branch(spec, branch, after if index else place))
    return row
