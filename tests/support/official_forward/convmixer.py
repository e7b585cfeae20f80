"""ConvMixer (arXiv 2201.09792), as locuslab/convmixer lays it out: numbered Sequentials."""

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from tests.support.official_forward.draw import Draw
from tests.support.official_forward.functional import State, batch_norm, conv, linear, pooled

GAIN = 1.25  # no residual round the pointwise half: less and the image is forgotten


@dataclass(frozen=True)
class ConvMixer:
    """A ConvMixer of one width and depth."""

    dim: int
    depth: int
    kernel_size: int
    patch_size: int
    activation: Literal["gelu", "relu"] = "gelu"
    num_classes: int = 1000


def random_state(config: ConvMixer, *, seed: int = 0, device: str = "cpu") -> State:
    """A state dict of the official network, every value drawn."""
    draw = Draw(seed=seed, device=device, gain=GAIN)
    draw.conv("0", (config.dim, 3, config.patch_size), bias=True)
    draw.batch_norm("2", config.dim)
    for layer in range(3, 3 + config.depth):
        draw.conv(f"{layer}.0.fn.0", (config.dim, 1, config.kernel_size), bias=True)
        draw.batch_norm(f"{layer}.0.fn.2", config.dim)
        draw.conv(f"{layer}.1", (config.dim, config.dim, 1), bias=True)
        draw.batch_norm(f"{layer}.3", config.dim)
    draw.linear(f"{config.depth + 5}", (config.num_classes, config.dim))
    return draw.state


def forward(state: State, images: Tensor, config: ConvMixer) -> Tensor:
    """Images `(N, 3, H, W)` to logits."""
    act = F.gelu if config.activation == "gelu" else F.relu
    x = batch_norm(state, "2", act(conv(state, "0", images, stride=config.patch_size)))
    total = config.kernel_size - 1
    before, after = total // 2, total - total // 2  # the odd one out is right and below
    for layer in range(3, 3 + config.depth):
        y = F.pad(x, (before, after, before, after))
        y = conv(state, f"{layer}.0.fn.0", y, groups=config.dim)
        x = x + batch_norm(state, f"{layer}.0.fn.2", act(y))
        x = batch_norm(state, f"{layer}.3", act(conv(state, f"{layer}.1", x)))
    return linear(state, f"{config.depth + 5}", pooled(x))
