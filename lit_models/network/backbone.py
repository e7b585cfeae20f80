"""`Backbone`: the network of a spec, with timm's model conventions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.fx
from timm.layers import SelectAdaptivePool2d
from timm.models._features import feature_take_indices
from torch import nn

from lit_models.network.fused import channels_last_on_cpu
from lit_models.network.layers import extras_of
from lit_models.network.stages import Head, Stage, conv_stack
from lit_models.primitives.table import primitive
from lit_models.space.geometry import block_sides
from lit_models.space.spec import ArchSpec

torch.fx.wrap("channels_last_on_cpu")


class Backbone(nn.Module):
    """The network of a spec: images `(N, in_chans, H, W)` to logits `(N, num_classes)`.

    `num_classes=0` leaves the classifier out. timm's conventions hold, so timm's optimizer
    factories, feature extraction and layer decay accept it.
    """

    def __init__(self, spec: ArchSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__()
        self.spec = spec
        self.num_classes, self.in_chans = num_classes, in_chans
        self.stem = conv_stack(spec, spec.stem.layers, in_chans, width=spec.widths[0])
        if spec.stem.max_pool:
            self.stem.append(nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        rates, positions = drop_path_rates(spec), map_positions(spec)
        stages = []
        for stage, depth in enumerate(spec.depths):
            own = slice(sum(spec.depths[:stage]), sum(spec.depths[:stage]) + depth)
            stages.append(Stage(spec, stage=stage, drop_paths=rates[own], positions=positions[own]))
        self.stages = nn.Sequential(*stages)
        self.feature_info = feature_info(spec)
        self.num_features = self.head_hidden_size = spec.block_width(len(spec.depths) - 1)
        self.head = Head(spec, self.num_features, num_classes=num_classes)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, in_chans, H, W)` to the last feature map `(N, num_features, H', W')`."""
        out: torch.Tensor = self.stages(self.stem(channels_last_on_cpu(x)))
        return out

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:  # noqa: FBT001, FBT002
        """The last feature map to logits, or to pooled features `(N, num_features)`."""
        out: torch.Tensor = self.head(x, pre_logits=pre_logits)
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, in_chans, H, W)` to `(N, num_classes)`."""
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        """The last layer: linear, or identity when there are no classes."""
        return self.head.fc

    def forward_intermediates(
        self,
        x: torch.Tensor,
        indices: int | Sequence[int] | None = None,
        *,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[torch.Tensor] | tuple[torch.Tensor, list[torch.Tensor]]:
        """Maps `(N, C, H, W)` after the stages `indices` (the last n; None: all), as timm has it.

        With `norm` the last map goes through the norm before the pooling. Unless
        `intermediates_only`, the last feature map comes first. Raises ValueError for other formats.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"output_fmt is {output_fmt!r}, but maps are NCHW here")
        taken, last = feature_take_indices(len(self.stages), _listed(indices))
        maps = []
        x = self.stem(channels_last_on_cpu(x))
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in taken:
                end = norm and index == len(self.stages) - 1
                maps.append(self.head.norm_before(x) if end else x)
            if stop_early and index == last:
                break
        return maps if intermediates_only else (x, maps)

    def prune_intermediate_layers(
        self,
        indices: int | Sequence[int] = 1,
        *,
        prune_norm: bool = False,
        prune_head: bool = True,
    ) -> list[int]:
        """Remove what the maps of these stages do not need; the stages, counted from 0."""
        taken, last = feature_take_indices(len(self.stages), _listed(indices))
        shorter = last < len(self.stages) - 1
        self.stages = self.stages[: last + 1]
        if prune_norm or shorter:
            self.head.norm_before = nn.Identity()
        if prune_head or shorter:
            self.num_features = self.head_hidden_size = self.feature_info[last]["num_chs"]
            self.head.norm = nn.Identity()
            self.reset_classifier(0, "")
        return list(taken)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A fresh classifier; `global_pool` may also change the pooling (a timm pool type).

        Without pooling (an empty text) maps stay maps, and the classifier is a 1x1 convolution.
        Raises ValueError for a pooling that doubles the channels before a norm made for them.
        """
        head = self.head
        if global_pool is not None:
            pool = SelectAdaptivePool2d(pool_type=global_pool)
            if pool.feat_mult() != 1 and not isinstance(head.norm, nn.Identity):
                raise ValueError(
                    f"global_pool={global_pool!r} doubles the channels, but a norm of "
                    f"{self.num_features} channels follows the pooling: choose avg or max"
                )
            head.global_pool = pool
            head.flatten = nn.Flatten(1) if global_pool else nn.Identity()
        self.num_classes = num_classes
        self.head_hidden_size = self.num_features * head.global_pool.feat_mult()
        weight = next(self.parameters())
        layer = partial(nn.Conv2d, kernel_size=1) if head.global_pool.is_identity() else nn.Linear
        fc = layer(self.head_hidden_size, num_classes) if num_classes else nn.Identity()
        head.fc = fc.to(weight.device, weight.dtype)

    def set_grad_checkpointing(self, enable: bool = True) -> None:  # noqa: FBT001, FBT002
        """Trade compute for memory in every stage."""
        for stage in self.stages:
            assert isinstance(stage, Stage)
            stage.grad_checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """timm's layer groups of the same networks, for its layer decay, from the stem up.

        A norm before the pooling belongs to the last block, one after it to the classifier.
        """
        fine: list[tuple[str, Callable[..., Any] | tuple[int, ...] | None]] = [
            (r"^stages\.(\d+)\.downsample", (0,)),
            (r"^stages\.(\d+)\.blocks\.(\d+)", None),
            (r"^head\.norm_before", (99999,)),  # timm: with the last block
        ]
        return {"stem": r"^stem", "blocks": r"^stages\.(\d+)" if coarse else fine}

    def no_weight_decay(self) -> set[str]:
        """Names without weight decay, beyond the 1-d parameters that timm leaves out.

        They are those that primitives name.
        """
        return {
            f"{placed.path}.{name}"
            for placed in extras_of(self)
            for name in primitive(placed.extra.name).no_weight_decay
        }


def _listed(indices: int | Sequence[int] | None) -> int | list[int] | None:
    return indices if indices is None or isinstance(indices, int) else list(indices)


def feature_info(spec: ArchSpec) -> list[dict[str, Any]]:
    """Channels, input pixels per position and module of each stage's output, as timm has it.

    Where a stage downsamples in its last block, its output is that of the next resolution.
    """
    infos: list[dict[str, Any]] = []
    reduction = spec.stem.stride
    in_last = spec.downsample.place == "last_block"
    strides = (*spec.strides[1:], 1) if in_last else spec.strides
    for stage, stride in enumerate(strides):
        reduction *= stride
        channels = spec.block_width(stage)
        infos.append({"num_chs": channels, "reduction": reduction, "module": f"stages.{stage}"})
    return infos


def map_positions(spec: ArchSpec) -> tuple[int | None, ...]:
    """H x W of the map at each block, for token MLPs; None where the network takes any size."""
    if spec.image_size is None:
        return (None,) * sum(spec.depths)
    return tuple(side**2 for _, _, side in block_sides(spec, spec.image_size))


def drop_path_rates(spec: ArchSpec) -> tuple[float, ...]:
    """Stochastic depth rate of every block; linear starts at 0 (arXiv 1603.09382)."""
    total = sum(spec.depths)
    if spec.drop_path_schedule == "constant":
        return (spec.drop_path_rate,) * total
    return tuple(spec.drop_path_rate * index / max(total - 1, 1) for index in range(total))
