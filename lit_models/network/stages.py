"""The parts of a network, from its spec: rows of convolutions, stages of blocks, the head."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from timm.layers import SelectAdaptivePool2d
from timm.models import checkpoint_seq
from torch import nn
from torch.utils.checkpoint import checkpoint

from lit_models.network.blocks import BlockContext, SharedMixers, build_block
from lit_models.network.layers import ConvNormAct, make_norm
from lit_models.network.step_statistics import resting_statistics
from lit_models.space.spec import ArchSpec, ConvLayer


def conv_stack(
    spec: ArchSpec, layers: Sequence[ConvLayer], channels: int, *, width: int
) -> nn.Sequential:
    """The convolutions of a stem or a downsampling; a layer without a width gets `width`."""
    row = nn.Sequential()
    for layer in layers:
        target = layer.width or width
        conv = ConvNormAct(
            spec,
            channels,
            target,
            kernel_size=layer.kernel_size,
            stride=layer.stride,
            depthwise=layer.depthwise,
            norm=layer.norm,
            activation=layer.activation,
            norm_kind=layer.norm_kind,
            activation_kind=layer.activation_kind,
            bias=layer.bias,
        )
        row.append(conv)
        channels = target
    return row


class Stage(nn.Module):
    """Downsampling, then blocks: to `(N, block width, H / stride, W / stride)`."""

    def __init__(
        self,
        spec: ArchSpec,
        *,
        stage: int,
        drop_paths: Sequence[float],
        positions: Sequence[int | None],
    ) -> None:
        super().__init__()
        width = spec.block_width(stage)
        self.grad_checkpointing = False
        self.downsample: nn.Module = nn.Identity()
        if spec.strides[stage] > 1 and spec.downsample.place == "separate":
            arriving = spec.arriving_width(stage)
            self.downsample = conv_stack(spec, spec.downsample.layers, arriving, width=width)
            if spec.downsample.norm_before:
                self.downsample.insert(0, make_norm(spec, arriving))
        shared: SharedMixers = {}
        blocks = []
        for index, drop_path in enumerate(drop_paths):
            place = BlockContext(
                stage=stage,
                channels=width if index else spec.entry_width(stage),
                stride=spec.block_stride(stage, index),
                drop_path=drop_path,
                positions=positions[index],
                shared=shared,
            )
            blocks.append(build_block(spec, spec.block_at(stage, index), place))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, channels, H, W)` to `(N, block width, H / stride, W / stride)`."""
        x = self.downsample(x)
        if self.grad_checkpointing:
            return _checkpointed(self.blocks, x)
        out: torch.Tensor = self.blocks(x)
        return out


def _checkpointed(blocks: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    """The blocks' output, computed anew for the gradient, which moves no running statistics."""
    if torch.compiler.is_compiling():  # it traces no contexts
        out: torch.Tensor = checkpoint_seq(blocks, x)
        return out
    for block in blocks:
        contexts = partial(_contexts, block)
        x = checkpoint(block, x, use_reentrant=False, context_fn=contexts)
    return x


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Of the forward pass, and of the second one for the gradient."""
    return nullcontext(), resting_statistics(block)


class Head(nn.Module):
    """Feature map `(N, C, H, W)` to logits `(N, num_classes)`."""

    def __init__(self, spec: ArchSpec, channels: int, *, num_classes: int) -> None:
        super().__init__()
        where = spec.head.norm
        self.norm_before = make_norm(spec, channels) if where == "before_pool" else nn.Identity()
        self.global_pool = SelectAdaptivePool2d(pool_type="avg")
        self.norm = make_norm(spec, channels) if where == "after_pool" else nn.Identity()
        self.flatten: nn.Module = nn.Flatten(1)
        self.drop = nn.Dropout(spec.head.dropout)
        self.fc: nn.Module = nn.Linear(channels, num_classes) if num_classes else nn.Identity()

    def forward(self, x: torch.Tensor, *, pre_logits: bool = False) -> torch.Tensor:
        """`(N, C, H, W)` to `(N, num_classes)`, or to `(N, C)` before the classifier."""
        x = self.drop(self.flatten(self.norm(self.global_pool(self.norm_before(x)))))
        out: torch.Tensor = x if pre_logits else self.fc(x)
        return out
