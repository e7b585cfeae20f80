"""Where the parts of a network are: its stem and its blocks, ours and some of timm's.

What asks a network about its blocks asks this first. Of timm's networks those are known whose parts
are what they are called: ConvNeXt, ResNet, Swin and ViT (which DeiT is).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, cast

import torch
from torch import nn

from lit_models.network.backbone import Backbone
from lit_models.network.blocks import Branch

Layout = Literal["NCHW", "NHWC", "NLC"]  # of maps; L: tokens, which are positions

RESHAPES = "change stride or width"
NOT_RESIDUAL = "have a branch without a shortcut"


@dataclass(frozen=True)
class Part:
    """A block in its place.

    Attributes:
        row: that holds it.
        index: in the row.
        stage: counted from 1.
        stays: why it cannot be taken out, as words after "blocks that"; None: it can.
    """

    row: nn.Sequential
    index: int
    stage: int
    stays: str | None

    @property
    def module(self) -> nn.Module:
        """The block."""
        return self.row[self.index]


@dataclass(frozen=True)
class Anatomy:
    """The parts of a network.

    Attributes:
        stem: from the image to the first map.
        blocks: from the first to the last, which gives the last map.
        layout: of the maps.
        prefix: tokens before those of the map, in blocks: class tokens.
        side: of the images that the network takes, in pixels; None: any.
    """

    stem: nn.Module
    blocks: tuple[Part, ...]
    layout: Layout = "NCHW"
    prefix: int = 0
    side: int | None = None

    @property
    def removable(self) -> tuple[int, ...]:
        """Positions among the blocks of those that can be taken out."""
        return tuple(i for i, part in enumerate(self.blocks) if part.stays is None)

    def positions(self, maps: torch.Tensor, *, of_block: bool) -> torch.Tensor:
        """What stem or block gave, as `(N, C, positions)`."""
        if self.layout == "NCHW":
            return maps.flatten(2)
        tokens = maps.flatten(1, -2)[:, self.prefix if of_block else 0 :]
        return tokens.transpose(1, 2)


def anatomy(network: nn.Module) -> Anatomy:
    """The parts of a network.

    Raises:
        ValueError: it is one of timm whose parts are not known.
    """
    if isinstance(network, Backbone):
        rows = [cast("nn.Sequential", stage.blocks) for stage in network.stages]
        return Anatomy(network.stem, _parts(rows), side=network.spec.image_size)
    for kind in type(network).__mro__:
        if kind.__module__.startswith("timm.models.") and kind.__name__ in _TIMM:
            return _TIMM[kind.__name__](network)
    raise ValueError(
        f"where the blocks of a {type(network).__name__} are is not known: of timm's networks "
        f"those of {', '.join(sorted(_TIMM))} are"
    )


@contextmanager
def without(parts: Sequence[Part]) -> Iterator[None]:
    """In the block these parts of a network are the identity; they are as before after it.

    With a block goes what follows its sum, a norm or an activation: the next block sees what came
    to this one. (Between ResNet's blocks that is the same: what comes out of a ReLU passes a second
    one unchanged.)
    """
    taken = [part.module for part in parts]
    try:
        for part in parts:
            part.row[part.index] = nn.Identity()
        yield
    finally:
        for part, module in zip(parts, taken, strict=True):
            part.row[part.index] = module


def why_none(blocks: Sequence[Part]) -> str:
    """Why none of these can be taken out, in brackets."""
    reasons = Counter(part.stays for part in blocks)
    if len(reasons) == 1:
        return f"(all {next(iter(reasons))})"
    return f"({', '.join(f'{count} {reason}' for reason, count in reasons.items())})"


def _stays(block: nn.Module) -> str | None:
    """Why a block of ours cannot be taken out: all that it does has to be added to what comes."""
    branches = [branch for branch in block.children() if isinstance(branch, Branch)]
    if any(not branch.residual for branch in branches):
        return NOT_RESIDUAL
    if any(not isinstance(branch.shortcut, nn.Identity) for branch in branches):
        return RESHAPES
    return None


def _stays_in_timm(block: nn.Module) -> str | None:
    """Likewise of a ResNet's `downsample` or a ConvNeXt's `shortcut`; transformers have neither."""
    shortcut = getattr(block, "downsample", None) or getattr(block, "shortcut", None)
    return None if shortcut is None or isinstance(shortcut, nn.Identity) else RESHAPES


def _parts(
    rows: Sequence[nn.Sequential], stays: Callable[[nn.Module], str | None] = _stays
) -> tuple[Part, ...]:
    return tuple(
        Part(row, index, stage, stays(block))
        for stage, row in enumerate(rows, start=1)
        for index, block in enumerate(row)
    )


def _convnext(network: Any) -> Anatomy:
    return Anatomy(network.stem, _parts([stage.blocks for stage in network.stages], _stays_in_timm))


def _resnet(network: Any) -> Anatomy:
    rows = [network.layer1, network.layer2, network.layer3, network.layer4]
    return Anatomy(network.maxpool, _parts(rows, _stays_in_timm))


def _swin(network: Any) -> Anatomy:
    rows = [layer.blocks for layer in network.layers]
    blocks = _parts(rows, _stays_in_timm)
    return Anatomy(network.patch_embed, blocks, "NHWC", side=network.patch_embed.img_size[0])


def _vit(network: Any) -> Anatomy:
    blocks = _parts([network.blocks], _stays_in_timm)
    side = network.patch_embed.img_size[0]
    return Anatomy(network.patch_embed, blocks, "NLC", network.num_prefix_tokens, side)


_TIMM: Mapping[str, Callable[[Any], Anatomy]] = MappingProxyType(
    {
        "ConvNeXt": _convnext,
        "ResNet": _resnet,
        "SwinTransformer": _swin,
        "VisionTransformer": _vit,
    }
)
