"""The design space: one frozen `ArchSpec` describes a network.

A spec is plain data. It imports no torch, can be compared, hashed and written as JSON, and holds
every choice that `lit_models.network.builder` needs. A paper is a constant of this type; a step
edits one field of it. Every spec that exists is legal: `__post_init__` refuses the rest with the
reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from lit_models.space.components import (
    HEAD_WIDTH,
    ROLES,
    ActivationKind,
    Block,
    Branch,
    ConvLayer,
    Downsample,
    Head,
    IllegalSpec,
    Init,
    NormKind,
    Place,
    Role,
    Spatial,
    SpatialKind,
    Stem,
)
from lit_models.space.legality import BLURRED_CHANNELS, check, strided_inputs

__all__ = [
    "ArchSpec",
    "Block",
    "Branch",
    "ConvLayer",
    "Downsample",
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
class ArchSpec:
    """A network from image `(N, in_chans, H, W)` to logits `(N, num_classes)`.

    The fields marked "open" settle what the ConvNeXt paper (arXiv 2201.03545) leaves unsaid about
    the middle of its trajectory; the comment gives the choice and why.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]  # one a stage; the stem's output is widths[0] too
    blocks: tuple[Block, ...]  # one for all, one a stage, or one a block
    stem: Stem
    strides: tuple[int, ...]  # of the entry to each stage
    width_is: Literal["hidden", "block"] = "hidden"  # which width of a block `widths` gives
    norm: NormKind = "batch"
    activation: ActivationKind = "relu"
    norm_first: bool = True  # after a convolution: norm then activation, or the reverse
    # Open: convolution biases. A batch norm subtracts whatever a bias right before it adds, so none
    # there; everywhere else (a layer norm, another convolution) a bias does something. Both ends
    # need this.
    bias: Literal["unless_batch_norm", "always"] = "unless_batch_norm"
    # Open: the norm on a projection shortcut. It is no norm of the residual branch, so "fewer
    # norms" leaves it and "BN -> LN" changes its kind; it goes with the projections themselves.
    shortcut_norm: bool = True
    downsample: Downsample = field(default_factory=Downsample)
    # Every convolution with a stride and 16 input channels or more, projection shortcuts included,
    # sees its input blurred by a fixed 3x3 binomial filter (Zhang 2019, arXiv 1904.11486, placed as
    # in FFCV's ImageNet training). Image channels and the max pooling are not blurred.
    blur_pool: bool = False
    # Open: a norm before the classifier. ResNet has none, and only the last step's text adds one.
    head: Head = field(default_factory=Head)
    # Open: stochastic depth before the last step. One value for the whole trajectory (Table 5), so
    # that no step also changes the regularisation. It acts on residual branches; the branches of a
    # block share its rate.
    drop_path_rate: float = 0.0
    drop_path_schedule: Literal["linear", "constant"] = "linear"
    init: Init = field(default_factory=Init)
    image_size: int | None = None  # side of the images that its token MLPs are built for

    def __post_init__(self) -> None:
        check(self)

    def block_at(self, stage: int, index: int) -> Block:
        """The block at a position; `stage` and `index` count from 0."""
        if len(self.blocks) == 1:
            return self.blocks[0]
        if len(self.blocks) == len(self.depths):
            return self.blocks[stage]
        return self.blocks[sum(self.depths[:stage]) + index]

    def map_branches(self, edit: Callable[[Branch], Branch]) -> Self:
        """The same network with every branch replaced by `edit(branch)`."""
        blocks = tuple(replace(b, branches=tuple(map(edit, b.branches))) for b in self.blocks)
        return replace(self, blocks=blocks)

    def branches(self) -> tuple[Branch, ...]:
        """Every distinct branch description, in order."""
        return tuple(branch for block in self.blocks for branch in block.branches)

    def block_width(self, stage: int) -> int:
        """Channels between the blocks of a stage."""
        ratio = self.block_at(stage, 0).branches[0].ratio
        return self.widths[stage] if self.width_is == "block" else int(self.widths[stage] * ratio)

    def hidden_width(self, stage: int, branch: Branch) -> int:
        """Channels inside a branch of a stage, between its two 1x1 convolutions."""
        return (
            self.widths[stage]
            if self.width_is == "hidden"
            else int(self.widths[stage] * branch.ratio)
        )

    def arriving_width(self, stage: int) -> int:
        """Channels that the stem or the stage before hands over."""
        if stage == 0:
            return self.stem.layers[-1].width or self.widths[0]
        return self.block_width(stage - 1)

    def entry_width(self, stage: int) -> int:
        """Channels that arrive at the first block of a stage."""
        apart = self.downsample.place == "separate" and self.strides[stage] > 1
        return self.block_width(stage) if apart else self.arriving_width(stage)

    def mixer_width(self, branch: Branch, stage: int, *, arriving: int) -> int:
        """Channels that come to the spatial mixer of a branch at which `arriving` come in."""
        before = branch.layers[: branch.layers.index("spatial")]
        widths = {
            "pointwise_in": self.hidden_width(stage, branch),
            "pointwise_out": self.block_width(stage),
        }
        return widths[before[-1]] if before else arriving

    def heads(self, spatial: Spatial, width: int) -> int:
        """Attention heads of a mixer on `width` channels."""
        return spatial.heads or max(1, width // HEAD_WIDTH)

    def strided_blocks(self) -> tuple[tuple[int, int], ...]:
        """(stage, index) of every block that downsamples, both counted from 0."""
        if self.downsample.place == "separate":
            return ()
        strided = [stage for stage, stride in enumerate(self.strides) if stride > 1]
        if self.downsample.place == "first_block":
            return tuple((stage, 0) for stage in strided)
        return tuple((stage - 1, self.depths[stage - 1] - 1) for stage in strided)

    def block_stride(self, stage: int, index: int) -> int:
        """Stride of a block's first branch."""
        if (stage, index) not in self.strided_blocks():
            return 1
        return self.strides[stage if self.downsample.place == "first_block" else stage + 1]

    def edit_blocks(self, edit: Callable[[int, int, Block], Block], **changes: Any) -> Self:
        """The network with every block replaced by `edit(stage, index, block)`.

        `changes` are other fields that change with them.
        """
        places = [(stage, i) for stage, depth in enumerate(self.depths) for i in range(depth)]
        blocks = {place: edit(*place, self.block_at(*place)) for place in places}
        return replace(self, blocks=fewest(self.depths, blocks), **changes)


def fewest(depths: tuple[int, ...], blocks: dict[tuple[int, int], Block]) -> tuple[Block, ...]:
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
