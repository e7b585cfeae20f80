"""The design space: one frozen `ArchSpec` describes a network.

A spec is plain data. It imports no torch, can be compared, hashed and written as JSON, and holds
every choice that `lit_models.builder` needs. A paper is a constant of this type; a step edits one
field of it. Every spec that exists is legal: `__post_init__` refuses the rest with the reason.

How a block reads. A `Branch` is an ordered row of up to three layers: two 1x1 convolutions,
`pointwise_in` (block width to hidden width) and `pointwise_out` (hidden back to block width), and a
`spatial` mixer wherever it stands in the row. Norms and activations are *sets of places* in that
row, so "fewer norms" is an edit of one set:

    ResNet bottleneck   (pointwise_in, spatial, pointwise_out)
    moved up, ConvNeXt  (spatial, pointwise_in, pointwise_out)
    ConvMixer           two branches: (spatial,) residual, then (pointwise_out,) not residual
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

Role = Literal["pointwise_in", "spatial", "pointwise_out"]
Place = Literal["input", "pointwise_in", "spatial", "pointwise_out", "sum"]
NormKind = Literal["batch", "layer", "group"]
ActivationKind = Literal["relu", "gelu", "silu"]

ROLES: tuple[Role, ...] = ("pointwise_in", "spatial", "pointwise_out")
BLURRED_CHANNELS = 16  # `blur_pool` leaves convolutions with fewer input channels alone


class IllegalSpec(ValueError):
    """A combination of choices that is not a network; the message says why and what it needs."""


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 reads like assert
    if not condition:
        raise IllegalSpec(message)


@dataclass(frozen=True)
class ConvLayer:
    """One convolution of a stem or of a separate downsampling, with what follows it."""

    kernel_size: int
    stride: int = 1
    width: int | None = None  # output channels; None: the width that comes next
    depthwise: bool = False
    norm: bool = False
    activation: bool = False


@dataclass(frozen=True)
class Stem:
    """Image to first feature map: convolutions, then optionally 3x3 stride-2 max pooling."""

    layers: tuple[ConvLayer, ...]
    max_pool: bool = False

    @property
    def stride(self) -> int:
        """Input pixels per output position along one side."""
        total = 2 if self.max_pool else 1
        for layer in self.layers:
            total *= layer.stride
        return total


@dataclass(frozen=True)
class Spatial:
    """The layer that mixes positions: a dense or depthwise k x k convolution."""

    kind: Literal["dense", "depthwise"] = "dense"
    kernel_size: int = 3


@dataclass(frozen=True)
class Branch:
    """One row of layers, added to its input when `residual`.

    `ratio` relates block width and hidden width; `ArchSpec.width_is` says which one the spec fixes.
    `layer_scale` is the initial value of a learned per-channel factor on the branch, None for none.
    """

    layers: tuple[Role, ...]
    spatial: Spatial | None = None
    ratio: float = 4.0
    norms: frozenset[Place] = frozenset()
    activations: frozenset[Place] = frozenset()
    residual: bool = True
    layer_scale: float | None = None

    def __post_init__(self) -> None:
        _require(bool(self.layers), "a branch needs at least one layer")
        _require(
            len(set(self.layers)) == len(self.layers) and set(self.layers) <= set(ROLES),
            f"branch layers are each of {ROLES} at most once, found {self.layers}",
        )
        _require(
            ("spatial" in self.layers) == (self.spatial is not None),
            "a branch has the layer 'spatial' exactly when its `spatial` mixer is set",
        )
        if {"pointwise_in", "pointwise_out"} <= set(self.layers):
            _require(
                self.layers.index("pointwise_in") < self.layers.index("pointwise_out"),
                "pointwise_in comes before pointwise_out",
            )
        legal = {"input", "sum", *self.layers}
        for name, places in (("norms", self.norms), ("activations", self.activations)):
            extra = sorted(places - legal)
            _require(not extra, f"{name} at {extra}: this branch only has the layers {self.layers}")


@dataclass(frozen=True)
class Block:
    """One or two branches in a row."""

    branches: tuple[Branch, ...]

    def __post_init__(self) -> None:
        _require(1 <= len(self.branches) <= 2, "a block has one or two branches")


@dataclass(frozen=True)
class Downsample:
    """How one stage becomes the next: in the next stage's first block, or by layers of its own."""

    place: Literal["first_block", "separate"] = "first_block"
    norm_before: bool = False  # separate only: a norm before the layers
    layers: tuple[ConvLayer, ...] = ()  # separate only

    def __post_init__(self) -> None:
        _require(
            (self.place == "separate") == bool(self.layers),
            "downsampling has layers of its own exactly when its place is 'separate'",
        )


@dataclass(frozen=True)
class Head:
    """Global average pooling, an optional norm before or after it, dropout, linear classifier."""

    norm: Literal["none", "before_pool", "after_pool"] = "none"
    dropout: float = 0.0


@dataclass(frozen=True)
class Init:
    """Initial values of convolution and linear weights; biases start at 0, norms at 1 and 0.

    `truncated_normal` has standard deviation `std`; `fan_out` is Kaiming normal over fan-out (ReLU
    gain) with PyTorch's default for the classifier, as in timm's ResNet. `zero_last_norm` starts
    the norm that ends a residual branch at 0.
    """

    scheme: Literal["truncated_normal", "fan_out"] = "truncated_normal"
    std: float = 0.02
    zero_last_norm: bool = False


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
    # that no step also changes the regularisation.
    drop_path_rate: float = 0.0
    drop_path_schedule: Literal["linear", "constant"] = "linear"
    init: Init = field(default_factory=Init)

    def __post_init__(self) -> None:
        _check_stages(self)
        _check_widths(self)
        _check_downsample(self)
        _check_blur_pool(self)

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


def _check_stages(spec: ArchSpec) -> None:
    stages = len(spec.depths)
    _require(stages > 0, "a network needs at least one stage")
    for name in ("widths", "strides"):
        found = len(getattr(spec, name))
        _require(
            found == stages, f"{name} has {found} entries but depths has {stages}: one a stage"
        )
    numbers = (*spec.depths, *spec.widths, *spec.strides)
    _require(min(numbers) > 0, "depths, widths and strides are positive")
    _require(bool(spec.stem.layers), "a stem needs at least one convolution")
    allowed = {1, stages, sum(spec.depths)}
    _require(
        len(spec.blocks) in allowed,
        f"blocks has {len(spec.blocks)} entries; give 1 (all), {stages} (a stage each) or "
        f"{sum(spec.depths)} (one each)",
    )
    _require(
        0 <= spec.drop_path_rate < 1, f"drop_path_rate is in [0, 1), found {spec.drop_path_rate}"
    )


def _check_widths(spec: ArchSpec) -> None:
    ratios = {branch.ratio for branch in spec.branches()}
    _require(min(ratios) > 0, "branch ratios are positive")
    _require(
        spec.width_is == "block" or len(ratios) == 1,
        "hidden widths give a block width only when all branches have one ratio",
    )


def _check_downsample(spec: ArchSpec) -> None:
    if spec.downsample.place == "separate":
        total = 1
        for layer in spec.downsample.layers:
            total *= layer.stride
        wrong = [stride for stride in spec.strides if stride not in (1, total)]
        _require(
            not wrong, f"separate downsampling has stride {total} but a stage asks for {wrong}"
        )
        return
    for stage, stride in enumerate(spec.strides):
        first = spec.block_at(stage, 0).branches[0]
        _require(
            stride == 1 or first.spatial is not None,
            "downsampling in the first block strides its spatial mixer: the first branch needs one",
        )


def _check_blur_pool(spec: ArchSpec) -> None:
    _require(
        not spec.blur_pool or max(strided_inputs(spec), default=0) >= BLURRED_CHANNELS,
        f"blur pool needs a convolution with a stride and {BLURRED_CHANNELS} input channels or "
        "more, and this network has none",
    )


def strided_inputs(spec: ArchSpec) -> tuple[int, ...]:
    """Input channels of every convolution with a stride, in order; 0 where the image comes in."""
    width = spec.widths[0]
    found = [*_strided(spec.stem.layers, 0, width=width)]
    channels = spec.stem.layers[-1].width or width
    for stage, stride in enumerate(spec.strides):
        width = spec.block_width(stage)
        if stride > 1 and spec.downsample.place == "separate":
            found += _strided(spec.downsample.layers, channels, width=width)
        elif stride > 1:
            found += _strided_in_block(spec, stage, channels)
        channels = width
    return tuple(found)


def _strided(layers: Sequence[ConvLayer], channels: int, *, width: int) -> Iterator[int]:
    for layer in layers:
        if layer.stride > 1:
            yield channels
        channels = layer.width or width


def _strided_in_block(spec: ArchSpec, stage: int, channels: int) -> Iterator[int]:
    """The spatial mixer of the stage's first branch, then the projection shortcut."""
    branch = spec.block_at(stage, 0).branches[0]
    before = branch.layers[: branch.layers.index("spatial")]
    arriving = {
        "pointwise_in": spec.hidden_width(stage, branch),
        "pointwise_out": spec.block_width(stage),
    }
    yield arriving[before[-1]] if before else channels
    if branch.residual:
        yield channels
