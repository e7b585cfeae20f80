"""RepLKNet: "Scaling Up Your Kernels to 31x31" (arXiv 2203.06717).

Released code at github.com/DingXiaoH/RepLKNet-pytorch, commit b76808a. A block is a RepLK branch
and a feed-forward branch, which share a drop path rate. Drop path is 0.3 in the constructors and
0.5 in the 31B training command: the field `drop_path_rate`, 0.5 for 31B. No command trains 31L or
XL on ImageNet-1K alone, so that they have the constructors' 0.3, which no known training used.
Initialisation is PyTorch's default there (the MegEngine release differs): the field `init`.
"""

from lit_models.families.resnet import doubling, halving
from lit_models.space.spec import (
    ArchSpec,
    Block,
    Branch,
    ConvLayer,
    Downsample,
    Head,
    Init,
    Spatial,
    Stem,
    merged_spec,
)

STEM = Stem(
    (
        ConvLayer(3, 2, norm=True, activation=True),
        ConvLayer(3, depthwise=True, norm=True, activation=True),
        ConvLayer(1, norm=True, activation=True),
        ConvLayer(3, 2, depthwise=True, norm=True, activation=True),
    )
)
TRANSITION = Downsample(
    "separate",
    layers=(
        ConvLayer(1, norm=True, activation=True),
        ConvLayer(3, 2, depthwise=True, norm=True, activation=True),
    ),
)
FEED_FORWARD = Branch(
    layers=("pointwise_in", "pointwise_out"),
    norms=frozenset({"input", "pointwise_in", "pointwise_out"}),
    activations=frozenset({"pointwise_in"}),
    activation_kind="gelu",
)


def replk_block(kernel_size: int, *, small: tuple[int, ...], ratio: float) -> Block:
    """A large kernel between two 1x1 convolutions, then the feed-forward branch.

    `small` are the parallel kernels, `ratio` the width around the large kernel over the block's.
    """
    large = Branch(
        layers=("pointwise_in", "spatial", "pointwise_out"),
        spatial=Spatial("depthwise", kernel_size, parallel_kernels=small),
        ratio=ratio,
        norms=frozenset({"input", "pointwise_in", "pointwise_out"}),
        activations=frozenset({"pointwise_in", "spatial"}),
    )
    return Block((large, FEED_FORWARD))


def replknet(
    depths: tuple[int, ...],
    *,
    width: int,
    kernels: tuple[int, ...],
    small: tuple[int, ...] = (5,),
    ratio: float = 1.0,
    drop_path_rate: float = 0.3,
    stem: Stem = STEM,
) -> ArchSpec:
    """A RepLKNet; `kernels` are the large kernels of the stages, `width` doubles each stage."""
    return ArchSpec(
        depths=depths,
        widths=doubling(width, len(depths)),
        blocks=tuple(replk_block(size, small=small, ratio=ratio) for size in kernels),
        stem=stem,
        strides=halving(len(depths)),
        width_is="block",
        downsample=TRANSITION,
        head=Head(norm="before_pool"),
        drop_path_rate=drop_path_rate,
        init=Init("default"),
    )


_DEPTHS, _KERNELS = (2, 2, 18, 2), (31, 29, 27, 13)

REPLKNETS = {
    "replknet_31b": replknet(_DEPTHS, width=128, kernels=_KERNELS, drop_path_rate=0.5),
    "replknet_31l": replknet(_DEPTHS, width=192, kernels=_KERNELS),
    "replknet_xl": replknet(_DEPTHS, width=256, kernels=(27, 27, 27, 13), small=(), ratio=1.5),
}

REPLKNETS |= {f"{name}_merged": merged_spec(spec) for name, spec in list(REPLKNETS.items())}
