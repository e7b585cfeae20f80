"""RepLKNet (arXiv 2203.06717), as DingXiaoH/RepLKNet-pytorch lays it out."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from tests.support.official_forward.draw import Draw
from tests.support.official_forward.functional import (
    State,
    batch_norm,
    conv,
    depthwise,
    linear,
    pooled,
)

GAIN = 0.75  # batch norms with fixed statistics do not stop growth


@dataclass(frozen=True)
class RepLKNet:
    """A RepLKNet: in training form, or merged into one biased kernel a block."""

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    kernels: tuple[int, ...]
    small_kernel: int | None = 5
    dw_ratio: float = 1.0
    merged: bool = False
    num_classes: int = 1000

    def middle(self, stage: int) -> int:
        """Channels that the large kernel sees."""
        return int(self.dims[stage] * self.dw_ratio)


def _conv_bn(draw: Draw, name: str, shape: tuple[int, int, int]) -> None:
    draw.conv(f"{name}.conv", shape, bias=False)
    draw.batch_norm(f"{name}.bn", shape[0])


def _draw_block(draw: Draw, name: str, config: RepLKNet, *, stage: int) -> None:
    dim, middle, kernel = config.dims[stage], config.middle(stage), config.kernels[stage]
    draw.batch_norm(f"{name}.prelkb_bn", dim)
    _conv_bn(draw, f"{name}.pw1", (middle, dim, 1))
    _conv_bn(draw, f"{name}.pw2", (dim, middle, 1))
    if config.merged:
        draw.conv(f"{name}.large_kernel.lkb_reparam", (middle, 1, kernel), bias=True)
        return
    _conv_bn(draw, f"{name}.large_kernel.lkb_origin", (middle, 1, kernel))
    if config.small_kernel is not None:
        _conv_bn(draw, f"{name}.large_kernel.small_conv", (middle, 1, config.small_kernel))


def random_state(config: RepLKNet, *, seed: int = 0, device: str = "cpu") -> State:
    """A state dict of the official network, every value drawn."""
    draw = Draw(seed=seed, device=device, gain=GAIN)
    first = config.dims[0]
    for index, (inside, kernel) in enumerate(((3, 3), (1, 3), (first, 1), (1, 3))):
        _conv_bn(draw, f"stem.{index}", (first, inside, kernel))
    for stage, (depth, dim) in enumerate(zip(config.depths, config.dims, strict=True)):
        if stage:
            _conv_bn(draw, f"transitions.{stage - 1}.0", (dim, config.dims[stage - 1], 1))
            _conv_bn(draw, f"transitions.{stage - 1}.1", (dim, 1, 3))
        for index in range(depth):
            _draw_block(draw, f"stages.{stage}.blocks.{2 * index}", config, stage=stage)
            ffn = f"stages.{stage}.blocks.{2 * index + 1}"
            draw.batch_norm(f"{ffn}.preffn_bn", dim)
            _conv_bn(draw, f"{ffn}.pw1", (4 * dim, dim, 1))
            _conv_bn(draw, f"{ffn}.pw2", (dim, 4 * dim, 1))
    draw.batch_norm("norm", config.dims[-1])
    draw.linear("head", (config.num_classes, config.dims[-1]))
    return draw.state


def _normed(state: State, name: str, x: Tensor) -> Tensor:
    return batch_norm(state, f"{name}.bn", conv(state, f"{name}.conv", x))


def _depthwise_normed(state: State, name: str, x: Tensor, *, stride: int = 1) -> Tensor:
    y = depthwise(state, f"{name}.conv", x, stride=stride)
    return batch_norm(state, f"{name}.bn", y)


def forward(state: State, images: Tensor, config: RepLKNet) -> Tensor:
    """Images `(N, 3, H, W)` to logits."""
    x = conv(state, "stem.0.conv", images, stride=2, padding=1)
    x = F.relu(batch_norm(state, "stem.0.bn", x))
    x = F.relu(_depthwise_normed(state, "stem.1", x))
    x = F.relu(_normed(state, "stem.2", x))
    x = F.relu(_depthwise_normed(state, "stem.3", x, stride=2))
    for stage, depth in enumerate(config.depths):
        if stage:
            x = F.relu(_normed(state, f"transitions.{stage - 1}.0", x))
            x = F.relu(_depthwise_normed(state, f"transitions.{stage - 1}.1", x, stride=2))
        for index in range(depth):
            x = x + _large_kernel_block(state, f"stages.{stage}.blocks.{2 * index}", x, config)
            x = x + _ffn(state, f"stages.{stage}.blocks.{2 * index + 1}", x)
    return linear(state, "head", pooled(batch_norm(state, "norm", x)))


def _large_kernel_block(state: State, name: str, x: Tensor, config: RepLKNet) -> Tensor:
    x = F.relu(_normed(state, f"{name}.pw1", batch_norm(state, f"{name}.prelkb_bn", x)))
    kernel = f"{name}.large_kernel"
    if config.merged:
        y = depthwise(state, f"{kernel}.lkb_reparam", x)
    else:
        y = _depthwise_normed(state, f"{kernel}.lkb_origin", x)
        if config.small_kernel is not None:
            y = y + _depthwise_normed(state, f"{kernel}.small_conv", x)
    return _normed(state, f"{name}.pw2", F.relu(y))


def _ffn(state: State, name: str, x: Tensor) -> Tensor:
    y = _normed(state, f"{name}.pw1", batch_norm(state, f"{name}.preffn_bn", x))
    return _normed(state, f"{name}.pw2", F.gelu(y))
