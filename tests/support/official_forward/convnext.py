"""ConvNeXt and its isotropic form (arXiv 2201.03545), keyed as in facebookresearch/ConvNeXt.

With `grn` ConvNeXt V2 (arXiv 2301.00808), keyed as in facebookresearch/ConvNeXt-V2.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from tests.support.official_forward.draw import Draw
from tests.support.official_forward.functional import (
    State,
    channel_norm,
    conv,
    depthwise,
    layer_norm,
    linear,
    per_channel,
    pooled,
)


@dataclass(frozen=True)
class ConvNeXt:
    """A ConvNeXt; one depth and width with `isotropic`."""

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    isotropic: bool = False
    layer_scale: bool = True
    grn: bool = False
    kernel_size: int = 7
    num_classes: int = 1000

    @property
    def blocks(self) -> tuple[tuple[str, int], ...]:
        """Prefix and width of every block, in order."""
        return tuple(
            (f"blocks.{index}" if self.isotropic else f"stages.{stage}.{index}", dim)
            for stage, (depth, dim) in enumerate(zip(self.depths, self.dims, strict=True))
            for index in range(depth)
        )


def random_state(config: ConvNeXt, *, seed: int = 0, device: str = "cpu") -> State:
    """A state dict of the official network, every value drawn."""
    draw = Draw(seed=seed, device=device)
    if config.isotropic:
        draw.conv("stem", (config.dims[0], 3, 16), bias=True)
    else:
        draw.conv("downsample_layers.0.0", (config.dims[0], 3, 4), bias=True)
        draw.norm("downsample_layers.0.1", config.dims[0])
        for stage, (before, after) in enumerate(zip(config.dims, config.dims[1:], strict=False), 1):
            draw.norm(f"downsample_layers.{stage}.0", before)
            draw.conv(f"downsample_layers.{stage}.1", (after, before, 2), bias=True)
    for block, dim in config.blocks:
        draw.conv(f"{block}.dwconv", (dim, 1, config.kernel_size), bias=True)
        draw.norm(f"{block}.norm", dim)
        draw.linear(f"{block}.pwconv1", (4 * dim, dim))
        draw.linear(f"{block}.pwconv2", (dim, 4 * dim))
        if config.layer_scale:
            draw.scale(f"{block}.gamma", dim)
        if config.grn:
            draw.scale(f"{block}.grn.gamma", 1, 1, 1, 4 * dim)
            draw.scale(f"{block}.grn.beta", 1, 1, 1, 4 * dim)
    draw.norm("norm", config.dims[-1])
    draw.linear("head", (config.num_classes, config.dims[-1]))
    return draw.state


def forward(state: State, images: Tensor, config: ConvNeXt) -> Tensor:
    """Images `(N, 3, H, W)` to logits."""
    if config.isotropic:
        x = conv(state, "stem", images, stride=16)
    else:
        x = conv(state, "downsample_layers.0.0", images, stride=4)
        x = channel_norm(state, "downsample_layers.0.1", x)
    for block, _ in config.blocks:
        stage = block.split(".")[1]
        if not config.isotropic and block.endswith(".0") and stage != "0":
            x = channel_norm(state, f"downsample_layers.{stage}.0", x)
            x = conv(state, f"downsample_layers.{stage}.1", x, stride=2)
        x = _block(state, block, x)
    return linear(state, "head", layer_norm(state, "norm", pooled(x)))


def _block(state: State, name: str, x: Tensor) -> Tensor:
    y = depthwise(state, f"{name}.dwconv", x).permute(0, 2, 3, 1)
    y = linear(state, f"{name}.pwconv1", layer_norm(state, f"{name}.norm", y))
    y = F.gelu(y)
    if f"{name}.grn.gamma" in state:
        energy = y.square().sum((1, 2), keepdim=True).sqrt()
        divided = energy / (energy.mean(-1, keepdim=True) + 1e-6)
        y = state[f"{name}.grn.gamma"] * (y * divided) + state[f"{name}.grn.beta"] + y
    y = linear(state, f"{name}.pwconv2", y).permute(0, 3, 1, 2)
    if f"{name}.gamma" in state:
        y = per_channel(state[f"{name}.gamma"], y)
    return x + y
