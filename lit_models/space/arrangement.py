"""The fields of a network, and the widths, heads and strides that follow from them."""

from dataclasses import dataclass, field
from typing import Literal

from lit_models.space.components import (
    HEAD_WIDTH,
    ActivationKind,
    Block,
    Branch,
    Downsample,
    Head,
    Init,
    NormKind,
    Spatial,
    Stem,
)


@dataclass(frozen=True)
class Arrangement:
    """How a network is put together, legal or not; `lit_models.space.spec.ArchSpec` is a legal one.

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

    def block_at(self, stage: int, index: int) -> Block:
        """The block at a position; `stage` and `index` count from 0."""
        if len(self.blocks) == 1:
            return self.blocks[0]
        if len(self.blocks) == len(self.depths):
            return self.blocks[stage]
        return self.blocks[sum(self.depths[:stage]) + index]

    def branches(self) -> tuple[Branch, ...]:
        """Every distinct branch description, in order."""
        return tuple(branch for block in self.blocks for branch in block.branches)

    def primitives(self) -> frozenset[str]:
        """Names of the primitives that stand in its blocks."""
        return frozenset(extra.name for branch in self.branches() for extra in branch.extras)

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

    def layer_widths(self, branch: Branch, stage: int, *, arriving: int) -> tuple[int, ...]:
        """Channels that leave each layer of a branch at which `arriving` come in."""
        found = [arriving]
        for role in branch.layers:
            if role == "pointwise_in":
                found.append(self.hidden_width(stage, branch))
            elif role == "pointwise_out" or (branch.spatial is not None and branch.spatial.expands):
                found.append(self.block_width(stage))
            else:
                found.append(found[-1])
        return tuple(found[1:])

    def mixer_width(self, branch: Branch, stage: int, *, arriving: int) -> int:
        """Channels that come to the spatial mixer of a branch at which `arriving` come in."""
        widths = (arriving, *self.layer_widths(branch, stage, arriving=arriving))
        return widths[branch.layers.index("spatial")]

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
