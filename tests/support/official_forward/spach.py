"""SPACH (arXiv 2108.13002), as microsoft/SPACH lays it out: tokens all the way.

The study's description leaves the names of a few leaves open: `Names` has one reading of them.
"""

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
    layer_norm,
    linear,
)

Mixer = Literal["attn", "mlp", "pass"]
TOKEN_RATIO = 0.5
CONV4_WIDTH = 64


@dataclass(frozen=True)
class Names:
    """The leaf names of the stem's projection and of the bypass."""

    stem: str = "stem.proj"
    bypass: str = "cpe_net"


@dataclass(frozen=True)
class Spach:
    """A SPACH network; `arch` lists the mixer of every block, stage by stage."""

    dim: int
    heads: int
    ratio: int
    arch: tuple[tuple[Mixer, ...], ...]
    conv_stem: bool = False
    cpe: bool = True
    scaled: bool = True
    shared: bool = False
    patch_size: int | None = None
    image_size: int = 224
    num_classes: int = 1000
    names: Names = Names()

    @property
    def patch(self) -> int:
        """Side of a patch: 4 for several stages, 16 for one."""
        return self.patch_size or (4 if len(self.arch) > 1 else 16)

    def tokens(self, stage: int) -> int:
        """Positions of the map of a stage."""
        side = self.image_size // (self.patch << stage)
        return side * side

    def blocks(self) -> Iterator[tuple[str, int, int, Mixer]]:
        """Prefix, stage, width and mixer of every block, in order."""
        for stage, mixers in enumerate(self.arch):
            for index, mixer in enumerate(mixers):
                if len(self.arch) == 1:
                    prefix = f"blocks.{index}"
                else:  # the downsampling of stages 2 to 4 has index 0
                    prefix = f"layer{stage + 1}.{index + (stage > 0)}"
                yield prefix, stage, self.dim * 2**stage, mixer

    def shares(self, stage: int) -> bool:
        """Whether the blocks of a stage reference one mixer; stage 1 of several never does."""
        return self.shared and (len(self.arch) == 1 or stage > 0)


def _draw_stem(draw: Draw, config: Spach) -> None:
    stem = config.names.stem
    if not config.conv_stem:
        draw.conv(stem, (config.dim, 3, config.patch), bias=True)
        return
    for index, (inside, kernel) in enumerate(((3, 7), (CONV4_WIDTH, 3), (CONV4_WIDTH, 3))):
        draw.conv(f"{stem}.{3 * index}", (CONV4_WIDTH, inside, kernel), bias=False)
        draw.batch_norm(f"{stem}.{3 * index + 1}", CONV4_WIDTH)
    draw.conv(f"{stem}.9", (config.dim, CONV4_WIDTH, config.patch // 2), bias=True)


def _draw_mixer(draw: Draw, name: str, mixer: Mixer, *, dim: int, tokens: int) -> None:
    if mixer == "attn":
        draw.linear(f"{name}.qkv", (3 * dim, dim))
        draw.linear(f"{name}.proj", (dim, dim))
    else:
        hidden = int(tokens * TOKEN_RATIO)
        draw.linear(f"{name}.fc1", (hidden, tokens))
        draw.linear(f"{name}.fc2", (tokens, hidden))


def random_state(config: Spach, *, seed: int = 0, device: str = "cpu") -> State:
    """A state dict of the official network, every value drawn."""
    draw = Draw(seed=seed, device=device)
    _draw_stem(draw, config)
    draw.norm("norm1", config.dim)
    for stage in range(1, len(config.arch)):
        dim = config.dim * 2**stage
        draw.conv(f"layer{stage + 1}.0.conv", (dim, dim // 2, 2), bias=False)
        draw.norm(f"layer{stage + 1}.0.norm", dim)
    owners: dict[int, str] = {}
    for block, stage, dim, mixer in config.blocks():
        if mixer != "pass":
            name = f"{block}.spatial_func"
            if config.shares(stage) and stage in owners:
                draw.share(name, owners[stage])
            else:
                _draw_mixer(draw, name, mixer, dim=dim, tokens=config.tokens(stage))
                owners[stage] = name
            draw.norm(f"{block}.norm1", dim)
            if config.scaled:
                draw.scale(f"{block}.gamma_1", 1, 1, dim)
        if config.cpe:
            draw.conv(f"{block}.{config.names.bypass}", (dim, 1, 3), bias=True)
        draw.norm(f"{block}.norm2", dim)
        draw.linear(f"{block}.channel_func.fc1", (config.ratio * dim, dim))
        draw.linear(f"{block}.channel_func.fc2", (dim, config.ratio * dim))
    width = config.dim * 2 ** (len(config.arch) - 1)
    draw.norm("norm2", width)
    draw.linear("head", (config.num_classes, width))
    return draw.state


def _to_map(tokens: Tensor) -> Tensor:
    batch, count, channels = tokens.shape
    side = round(count**0.5)
    return tokens.transpose(1, 2).reshape(batch, channels, side, side)


def _to_tokens(maps: Tensor) -> Tensor:
    return maps.flatten(2).transpose(1, 2)


def forward(state: State, images: Tensor, config: Spach) -> Tensor:
    """Images `(N, 3, S, S)` of the side the network is built for to logits."""
    x = layer_norm(state, "norm1", _to_tokens(_stem(state, images, config)))
    entered = 0
    for block, stage, _, mixer in config.blocks():
        if stage > entered:
            down = f"layer{stage + 1}.0"
            y = conv(state, f"{down}.conv", _to_map(x), stride=2)
            weight, bias = state[f"{down}.norm.weight"], state[f"{down}.norm.bias"]
            x = _to_tokens(F.group_norm(y, 1, weight, bias, 1e-5))
            entered = stage
        x = _block(state, block, x, mixer, config)
    return linear(state, "head", layer_norm(state, "norm2", x).mean(1))


def _stem(state: State, images: Tensor, config: Spach) -> Tensor:
    stem = config.names.stem
    if not config.conv_stem:
        return conv(state, stem, images, stride=config.patch)
    x = conv(state, f"{stem}.0", images, stride=2, padding=3)
    x = F.relu(batch_norm(state, f"{stem}.1", x))
    x = F.relu(batch_norm(state, f"{stem}.4", conv(state, f"{stem}.3", x, padding=1)))
    x = F.relu(batch_norm(state, f"{stem}.7", conv(state, f"{stem}.6", x, padding=1)))
    return conv(state, f"{stem}.9", x, stride=config.patch // 2)


def _block(state: State, name: str, x: Tensor, mixer: Mixer, config: Spach) -> Tensor:
    y = x
    if mixer != "pass":
        normed = layer_norm(state, f"{name}.norm1", x)
        mix = _attention if mixer == "attn" else _token_mlp
        mixed = mix(state, f"{name}.spatial_func", normed, config)
        y = y + (state[f"{name}.gamma_1"] * mixed if config.scaled else mixed)
    if config.cpe:
        bypass = depthwise(state, f"{name}.{config.names.bypass}", _to_map(x))
        y = y + _to_tokens(bypass)
    hidden = linear(state, f"{name}.channel_func.fc1", layer_norm(state, f"{name}.norm2", y))
    return y + linear(state, f"{name}.channel_func.fc2", F.gelu(hidden))


def _attention(state: State, name: str, x: Tensor, config: Spach) -> Tensor:
    batch, count, channels = x.shape
    head = channels // config.heads
    qkv = linear(state, f"{name}.qkv", x).reshape(batch, count, 3, config.heads, head)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    weights = ((q * head**-0.5) @ k.transpose(-2, -1)).softmax(-1)
    out = (weights @ v).transpose(1, 2).reshape(batch, count, channels)
    return linear(state, f"{name}.proj", out)


def _token_mlp(state: State, name: str, x: Tensor, _config: Spach) -> Tensor:
    hidden = F.gelu(linear(state, f"{name}.fc1", x.transpose(1, 2)))
    return linear(state, f"{name}.fc2", hidden).transpose(1, 2)
