"""Spatial mixers that are no convolutions, on maps: attention and a perceptron over positions."""

import torch
import torch.fx
from timm.layers import Mlp
from torch import nn
from torch.nn import functional

torch.fx.wrap("check_positions")


class Attention(nn.Module):
    """Multi-head self-attention over the positions of `(N, channels, H, W)` (arXiv 1706.03762).

    One linear layer gives queries, keys and values, packed in this order as SPACH and timm have it;
    queries are scaled by head width ** -0.5. No position bias.
    """

    def __init__(self, channels: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, channels, H, W)` to the same shape; every position sees every other."""
        n, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        packed = self.qkv(tokens).view(n, height * width, 3, self.heads, channels // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        mixed = self.proj(mixed.transpose(1, 2).reshape(n, height * width, channels))
        out: torch.Tensor = mixed.transpose(1, 2).reshape(n, channels, height, width)
        return out


class TokenMlp(Mlp):
    """A perceptron over the positions of `(N, C, H, W)`, the same for each channel.

    Linear, activation, linear (arXiv 2105.01601). `positions` is H x W and `hidden` the width
    between.
    """

    def __init__(self, positions: int, *, hidden: int, activation: nn.Module) -> None:
        super().__init__(positions, hidden)
        self.positions = positions
        self.act = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, C, H, W)` to the same shape. Raises ValueError for another number of positions."""
        check_positions(x, self.positions)
        hidden = self.act(self.fc1(x.flatten(2)))
        out: torch.Tensor = self.fc2(hidden).view_as(x)
        return out


def check_positions(x: torch.Tensor, positions: int) -> None:
    """Raise ValueError unless maps `(N, C, H, W)` have that many positions."""
    if x.shape[-2] * x.shape[-1] != positions:
        raise ValueError(
            f"a token MLP was built for maps of {positions} positions and got "
            f"{x.shape[-2]}x{x.shape[-1]}: build the network with the image_size that it sees"
        )
