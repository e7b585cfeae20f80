"""The design space: one frozen `ArchSpec` describes a network.

A spec is plain data. It imports no torch, can be compared, hashed and written as JSON, and holds
every choice that `lit_models.network.builder` needs. A paper is a constant of this type; a step
edits one field of it. Every spec that exists is legal: `__post_init__` refuses the rest with the
reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from lit_models.primitives.primitive import ROLES, Role
from lit_models.space.arrangement import Arrangement
from lit_models.space.components import (
    ActivationKind,
    Block,
    Branch,
    ConvLayer,
    Downsample,
    Head,
    Init,
    NormKind,
    Place,
    Spatial,
    SpatialKind,
    Stem,
)
from lit_models.space.extras import Extra, ExtraOption
from lit_models.space.illegal import IllegalSpec
from lit_models.space.legality import BLURRED_CHANNELS, check, strided_inputs

__all__ = [
    "ArchSpec",
    "Block",
    "Branch",
    "ConvLayer",
    "Downsample",
    "Extra",
    "ExtraOption",
    "Head",
    "IllegalSpec",
    "Init",
    "Spatial",
    "Stem",
    "ActivationKind",
    "NormKind",
    "Place",
    "Role",
    "SpatialKind",
    "BLURRED_CHANNELS",
    "ROLES",
    "merged_spec",
    "parallel_spec",
    "strided_inputs",
]


@dataclass(frozen=True)
class ArchSpec(Arrangement):
    """A network from image `(N, in_chans, H, W)` to logits `(N, num_classes)`.

    Raises:
        IllegalSpec: its fields describe no network; the message says why and what it needs.
    """

    def __post_init__(self) -> None:
        check(self)

    def map_branches(self, edit: Callable[[Branch], Branch]) -> Self:
        """The same network with every branch replaced by `edit(branch)`."""
        blocks = tuple(replace(b, branches=tuple(map(edit, b.branches))) for b in self.blocks)
        return replace(self, blocks=blocks)

    def edit_blocks(self, edit: Callable[[int, int, Block], Block], **changes: Any) -> Self:
        """The network with every block replaced by `edit(stage, index, block)`.

        `changes` are other fields that change with them.
        """
        places = [(stage, i) for stage, depth in enumerate(self.depths) for i in range(depth)]
        blocks = {place: edit(*place, self.block_at(*place)) for place in places}
        return replace(self, blocks=compact_blocks(self.depths, blocks), **changes)


def compact_blocks(
    depths: tuple[int, ...], blocks: dict[tuple[int, int], Block]
) -> tuple[Block, ...]:
    """The shortest `ArchSpec.blocks` that has these blocks by (stage, index)."""
    if len(set(blocks.values())) == 1:
        return (blocks[0, 0],)
    stages = range(len(depths))
    if len(depths) > 1 and all(
        blocks[stage, index] == blocks[stage, 0]
        for stage in stages
        for index in range(depths[stage])
    ):
        return tuple(blocks[stage, 0] for stage in stages)
    return tuple(blocks.values())


def merged_spec(spec: ArchSpec) -> ArchSpec:
    """The network after its parallel kernels and their norms became one convolution each.

    It is the spec itself where there are none.
    """

    def plain(branch: Branch) -> Branch:
        if branch.spatial is None:
            return branch
        return replace(branch, spatial=replace(branch.spatial, parallel_kernels=None))

    return spec.map_branches(plain)


def parallel_spec(spec: ArchSpec, small: tuple[int, ...]) -> ArchSpec:
    """Small kernels beside every spatial convolution, in the form that is trained.

    Each kernel has a batch norm of its own; one that followed the convolution gives way to them.
    """

    def edit(branch: Branch) -> Branch:
        if branch.spatial is None or not branch.spatial.convolves:
            return branch
        follows = spec.norm_first or "spatial" not in branch.activations
        replaced = spec.norm == "batch" and follows
        norms = branch.norms - {"spatial"} if replaced else branch.norms
        return replace(branch, spatial=replace(branch.spatial, parallel_kernels=small), norms=norms)

    return spec.map_branches(edit)
