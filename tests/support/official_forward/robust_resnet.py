"""The four Robust-ResNets (arXiv 2206.03452), as UCSC-VLAA/RobustCNN lays them out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from tests.support.official_forward.draw import Draw
from tests.support.official_forward.functional import (
    State,
    batch_norm,
    conv,
    depthwise,
    linear,
    per_channel,
    pooled,
)

Variant = Literal["dw", "inverted_dw", "up_inverted_dw", "down_inverted_dw"]
RATIO = 4


@dataclass(frozen=True)
class RobustResNet:
    """One of the four; `dims` are the widths inside (dw) or outside (inverted) the blocks."""

    variant: Variant
    depths: tuple[int, ...]
    kernel_size: int
    dims: tuple[int, ...] = (96, 192, 384, 768)
    scaled: bool = False  # as the training commands pass 0; the constructors' default is 1e-6
    num_classes: int = 1000

    @property
    def norm(self) -> str:
        """The one norm of a block: numbered after the layer that it follows."""
        return "norm2" if self.variant == "up_inverted_dw" else "norm1"

    def out_width(self, stage: int) -> int:
        """Channels that leave a stage."""
        return self.dims[stage] * (RATIO if self.variant == "dw" else 1)

    def blocks(self) -> Iterator[tuple[str, int, int, int]]:
        """Prefix, stage, channels that come in and stride of every block, in order."""
        channels = self.dims[0]
        for stage, depth in enumerate(self.depths):
            for index in range(depth):
                if self.variant == "down_inverted_dw":
                    strided = stage == 2 and index == depth - 1
                else:
                    strided = stage == 3 and index == 0
                yield f"stages.{stage}.blocks.{index}", stage, channels, 2 if strided else 1
                channels = self.out_width(stage)


def random_state(config: RobustResNet, *, seed: int = 0, device: str = "cpu") -> State:
    """A state dict of the official network, every value drawn."""
    draw = Draw(seed=seed, device=device)
    draw.conv("stem", (config.dims[0], 3, 16), bias=True)
    kernel = config.kernel_size
    for block, stage, channels, stride in config.blocks():
        dim = config.dims[stage]
        wide, out = RATIO * dim, config.out_width(stage)
        pw1, dw, pw2, normed = {
            "dw": ((dim, channels, 1), (dim, 1, kernel), (wide, dim, 1), dim),
            "inverted_dw": ((wide, channels, 1), (wide, 1, kernel), (dim, wide, 1), wide),
            "up_inverted_dw": ((wide, dim, 1), (dim, 1, kernel), (dim, wide, 1), dim),
            "down_inverted_dw": ((wide, channels, 1), (dim, 1, kernel), (dim, wide, 1), wide),
        }[config.variant]
        draw.conv(f"{block}.pwconv1", pw1, bias=True)
        draw.conv(f"{block}.conv_dw", dw, bias=True)
        draw.conv(f"{block}.pwconv2", pw2, bias=True)
        draw.batch_norm(f"{block}.{config.norm}", normed)
        if config.scaled:
            draw.scale(f"{block}.gamma", out)
        if channels != out or stride == 2:
            draw.conv(f"{block}.downsample.0", (out, channels, 1), bias=True)
            draw.batch_norm(f"{block}.downsample.1", out)
    draw.linear("head.fc", (config.num_classes, config.out_width(len(config.depths) - 1)))
    return draw.state


def forward(state: State, images: Tensor, config: RobustResNet) -> Tensor:
    """Images `(N, 3, H, W)` to logits."""
    x = conv(state, "stem", images, stride=16)
    for block, _, _, stride in config.blocks():
        y = _branch(state, block, x, config, stride=stride)
        if config.scaled:
            y = per_channel(state[f"{block}.gamma"], y)
        if f"{block}.downsample.0.weight" in state:
            x = conv(state, f"{block}.downsample.0", x, stride=stride)
            x = batch_norm(state, f"{block}.downsample.1", x)
        x = F.relu(x + y) if config.variant == "dw" else x + y
    return linear(state, "head.fc", pooled(x))


def _branch(state: State, block: str, x: Tensor, config: RobustResNet, *, stride: int) -> Tensor:
    def pw1(x: Tensor) -> Tensor:
        return conv(state, f"{block}.pwconv1", x)

    def pw2(x: Tensor) -> Tensor:
        return conv(state, f"{block}.pwconv2", x)

    def dw(x: Tensor) -> Tensor:
        return depthwise(state, f"{block}.conv_dw", x, stride=stride)

    def norm(x: Tensor) -> Tensor:
        return batch_norm(state, f"{block}.{config.norm}", x)

    match config.variant:
        case "dw":
            return pw2(dw(norm(pw1(x))))
        case "inverted_dw":
            return pw2(dw(F.relu(norm(pw1(x)))))
        case "up_inverted_dw":
            return pw2(F.relu(pw1(norm(dw(x)))))
        case "down_inverted_dw":
            return dw(pw2(F.relu(norm(pw1(x)))))
