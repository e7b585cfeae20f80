"""The parts of an `ArchSpec`: layers, branches, blocks, stem, downsampling, head, initial values.

How a block reads. A `Branch` is an ordered row of up to three layers: two 1x1 convolutions,
`pointwise_in` (block width to hidden width) and `pointwise_out` (hidden back to block width), and a
`spatial` mixer wherever it stands in the row. Norms and activations are *sets of places* in that
row, so "fewer norms" is an edit of one set:

    ResNet bottleneck   (pointwise_in, spatial, pointwise_out)
    moved up, ConvNeXt  (spatial, pointwise_in, pointwise_out)
    ConvMixer           two branches: (spatial,) residual, then (pointwise_out,) not residual
    SPACH, ViT          two branches: (spatial,) residual, then (pointwise_in, pointwise_out)

A primitive (`lit_models.primitives`), such as squeeze-and-excitation, is an extra after a layer.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from lit_models.primitives.primitive import ROLES, Role
from lit_models.space.extras import Extra
from lit_models.space.illegal import require

Place = Literal["input", "pointwise_in", "spatial", "pointwise_out", "sum"]
NormKind = Literal["batch", "layer", "group", "none"]
ActivationKind = Literal["relu", "gelu", "silu"]
SpatialKind = Literal["dense", "depthwise", "attention", "token_mlp"]

CONVOLUTIONS: tuple[SpatialKind, ...] = ("dense", "depthwise")
HEAD_WIDTH = 32  # channels of one attention head where the number of heads is not given


@dataclass(frozen=True)
class ConvLayer:
    """One convolution of a stem or of a separate downsampling, with what follows it.

    `norm_kind` and `activation_kind` replace the network's own kinds here, `bias` its rule.
    """

    kernel_size: int
    stride: int = 1
    width: int | None = None  # output channels; None: the width that comes next
    depthwise: bool = False
    norm: bool = False
    activation: bool = False
    norm_kind: NormKind | None = None
    activation_kind: ActivationKind | None = None
    bias: bool | None = None

    def __post_init__(self) -> None:
        require(
            self.kernel_size > 0 and self.stride > 0,
            f"kernels and strides are positive, found {self.kernel_size} and {self.stride}",
        )
        require(
            self.width is None or self.width > 0,
            f"the width of a convolution is positive, found {self.width}",
        )


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
    """The layer that mixes positions.

    `dense` and `depthwise` are k x k convolutions. `attention` is multi-head self-attention over
    the positions (arXiv 1706.03762), without position bias. `token_mlp` is a two-layer perceptron
    over the positions, the same for every channel (arXiv 2105.01601): it is built for one number
    of positions, so the spec has an `image_size`.
    """

    kind: SpatialKind = "dense"
    kernel_size: int | None = 3  # None: no convolution
    # As the first layer of a row it brings the channels to the block width, by a convolution with
    # as many groups as channels come in (Robust-ResNet's up-inverted block, arXiv 2206.03452).
    expands: bool = False
    # Training form of a large kernel (RepLKNet, arXiv 2203.06717): the kernel itself and one for
    # each listed size, each with a batch norm of its own, summed. They merge into one convolution.
    # None: one plain convolution; an empty tuple: the kernel and its batch norm.
    parallel_kernels: tuple[int, ...] | None = None
    heads: int | None = None  # attention; None: one for every 32 channels
    token_ratio: float = 0.5  # token MLP: hidden positions over positions
    # One set of weights for all blocks of a stage that have this same mixer (SPACH, arXiv
    # 2108.13002); norms, layer scales and bypasses stay the blocks' own.
    shared: bool = False

    def __post_init__(self) -> None:
        convolves = self.kind in CONVOLUTIONS
        require(
            convolves == (self.kernel_size is not None),
            f"a mixer has a kernel size exactly when it convolves; {self.kind} has "
            f"{self.kernel_size}",
        )
        require(self.kernel_size is None or self.kernel_size > 0, "kernel sizes are positive")
        require(convolves or not self.expands, f"{self.kind} keeps the number of channels")
        require(
            self.kind == "attention" or self.heads is None, f"only attention has heads: {self.kind}"
        )
        require(self.token_ratio > 0, "token_ratio is positive")
        self._check_parallel()

    def _check_parallel(self) -> None:
        if self.parallel_kernels is None:
            return
        size = self.kernel_size
        require(size is not None, "only convolutions have parallel kernels")
        require(
            not self.shared,
            "parallel kernels have batch norms, which are each block's own: merge them first, as "
            "with reparameterise=merged, to share the convolution",
        )
        require(
            len(set(self.parallel_kernels)) == len(self.parallel_kernels),
            f"parallel kernels have different sizes, found {self.parallel_kernels}",
        )
        wrong = [k for k in self.parallel_kernels if not 0 < k < (size or 0) or k % 2 == 0]
        require(
            not wrong and size is not None and size % 2 == 1,
            f"parallel kernels are odd and smaller than the odd kernel they merge into: found "
            f"{self.parallel_kernels} beside {size}",
        )

    def token_width(self, positions: int) -> int:
        """Hidden positions of a token MLP on this many."""
        return int(positions * self.token_ratio)

    @property
    def convolves(self) -> bool:
        """Whether it is a convolution; only these can have a stride."""
        return self.kind in CONVOLUTIONS


@dataclass(frozen=True)
class Branch:
    """One row of layers, added to its input when `residual`.

    `ratio` relates block width and hidden width; `ArchSpec.width_is` says which one the spec fixes.
    `layer_scale` is the initial value of a learned per-channel factor on the branch, None for none.
    `bypass` is the side of a depthwise convolution (with bias) of the shortcut that is added to the
    sum: SPACH's convolutional position encoding. With it the row may be empty. `activation_kind`
    replaces the network's activation in this branch.
    """

    layers: tuple[Role, ...]
    spatial: Spatial | None = None
    ratio: float = 4.0
    norms: frozenset[Place] = frozenset()
    activations: frozenset[Place] = frozenset()
    residual: bool = True
    layer_scale: float | None = None
    bypass: int | None = None
    activation_kind: ActivationKind | None = None
    extras: tuple[Extra, ...] = ()  # those after one layer stand in this order

    def __post_init__(self) -> None:
        require(bool(self.layers or self.bypass), "a branch needs at least one layer or a bypass")
        require(
            len(set(self.layers)) == len(self.layers) and set(self.layers) <= set(ROLES),
            f"branch layers are each of {ROLES} at most once, found {self.layers}",
        )
        require(
            ("spatial" in self.layers) == (self.spatial is not None),
            "a branch has the layer 'spatial' exactly when its `spatial` mixer is set",
        )
        if self.expands_channels:
            require(
                self.layers.index("pointwise_in") < self.layers.index("pointwise_out"),
                "pointwise_in comes before pointwise_out",
            )
        require(
            self.spatial is None or not self.spatial.expands or self.layers[0] == "spatial",
            "only a spatial mixer that is the first layer can bring the channels to another width",
        )
        require(
            self.bypass is None or (self.residual and self.bypass % 2 == 1),
            "a bypass has an odd kernel and stands beside a residual branch",
        )
        require(
            self.layer_scale is None or isfinite(self.layer_scale),
            f"layer_scale is a number, found {self.layer_scale}",
        )
        require(
            bool(self.layers) or not (self.norms or self.layer_scale is not None),
            "a branch without layers has no norm and no layer scale",
        )
        self._check_places()

    def _check_places(self) -> None:
        legal = {"input", "sum", *self.layers}
        for name, places in (("norms", self.norms), ("activations", self.activations)):
            extra = sorted(places - legal)
            require(not extra, f"{name} at {extra}: this branch only has the layers {self.layers}")
        for found in self.extras:
            require(
                found.after in self.layers,
                f"the primitive {found.name} stands after {found.after}: this branch only has the "
                f"layers {self.layers}",
            )
            same = [other for other in self.extras if other.name == found.name]
            require(
                len({other.after for other in same}) == len(same),
                f"the primitive {found.name} stands twice after {found.after}",
            )

    def extras_after(self, role: Role) -> tuple[Extra, ...]:
        """The primitives that follow a layer of the row, in order."""
        return tuple(extra for extra in self.extras if extra.after == role)

    @property
    def expands_channels(self) -> bool:
        """Whether it has the two 1x1 layers, and so a hidden width of its own."""
        return {"pointwise_in", "pointwise_out"} <= set(self.layers)


@dataclass(frozen=True)
class Block:
    """One or two branches in a row."""

    branches: tuple[Branch, ...]

    def __post_init__(self) -> None:
        require(1 <= len(self.branches) <= 2, "a block has one or two branches")


@dataclass(frozen=True)
class Downsample:
    """How one stage becomes the next.

    In the next stage's first block, in this stage's last block (at this stage's width), or by
    layers of its own between them.
    """

    place: Literal["first_block", "last_block", "separate"] = "first_block"
    norm_before: bool = False  # separate only: a norm before the layers
    layers: tuple[ConvLayer, ...] = ()  # separate only

    def __post_init__(self) -> None:
        require(
            (self.place == "separate") == bool(self.layers),
            "downsampling has layers of its own exactly when its place is 'separate'",
        )
        require(
            self.place == "separate" or not self.norm_before,
            "only separate downsampling has a norm before it",
        )


@dataclass(frozen=True)
class Head:
    """Global average pooling, an optional norm before or after it, dropout, linear classifier."""

    norm: Literal["none", "before_pool", "after_pool"] = "none"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.dropout < 1, f"dropout is in [0, 1), found {self.dropout}")


@dataclass(frozen=True)
class Init:
    """Initial values of convolution and linear weights; norms start at 1 and 0.

    `truncated_normal`: standard deviation `std`, biases 0 (ConvNeXt's code). `fan_out`: Kaiming
    normal over fan-out (ReLU gain, groups ignored) for convolutions, biases 0, PyTorch's default
    for linear layers (timm's ResNet, Robust-ResNet). `default`: PyTorch's default throughout
    (ConvMixer, RepLKNet). `xavier`: Xavier uniform for linear and 1x1 layers, `fan_out` for other
    convolutions, biases 0 (SPACH). `zero_last_norm` starts the norm that ends a residual branch at
    0, `zero_classifier` the classifier's weight and bias.
    """

    scheme: Literal["truncated_normal", "fan_out", "default", "xavier"] = "truncated_normal"
    std: float = 0.02
    zero_last_norm: bool = False
    zero_classifier: bool = False

    def __post_init__(self) -> None:
        require(
            isfinite(self.std) and self.std > 0,
            f"the standard deviation of initial weights is positive, found {self.std}",
        )
