"""ConvNeXt, its isotropic form, and other kernel sizes (arXiv 2201.03545).

Section 3 and Table 5; released code at github.com/facebookresearch/ConvNeXt, commit 048efce. The
paper's Table 5 gives the weight initialisation as a truncated normal of 0.2, the code has 0.02: the
field `init.std`, 0.02 here. Drop path rates are those of the released training commands.

Other kernel sizes: "Revealing the Dark Secrets of Extremely Large Kernel ConvNets on Robustness",
arXiv 2407.08972, Table 7, the same kernel in all stages. Whether the study used parallel small
kernels is not said there: the `_parallel5` networks are ours, with RepLKNet's 5x5.
"""

from dataclasses import replace
from math import sqrt
from types import MappingProxyType

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
)

LAYER_SCALE = 1e-6  # arXiv 2201.03545, Table 5
TINY_WIDTH, ISOTROPIC_WIDTH = 96, 384  # of stage 1 of ConvNeXt-T, of isotropic ConvNeXt-S


def narrow_init(width: int, *, original: int = TINY_WIDTH) -> Init:
    """Initial values of a ConvNeXt whose stage 1 is `width` wide where the paper's is `original`.

    What a branch puts out at the start, over what it gets, goes with std^2 x width. This std keeps
    it as the paper's network has it: 0.02 at the paper's own width, 0.04 at a quarter of it.
    """
    own = Init()
    return replace(own, std=own.std * sqrt(original / width))


def convnext_block(spatial: Spatial, *, layer_scale: float | None = LAYER_SCALE) -> Block:
    """Depthwise convolution, norm, 1x1, activation, 1x1, layer scale."""
    branch = Branch(
        layers=("spatial", "pointwise_in", "pointwise_out"),
        spatial=spatial,
        norms=frozenset({"spatial"}),
        activations=frozenset({"pointwise_in"}),
        layer_scale=layer_scale,
    )
    return Block((branch,))


CONVNEXT_BLOCK = convnext_block(Spatial("depthwise", 7))
NORM_THEN_CONV = Downsample("separate", norm_before=True, layers=(ConvLayer(2, 2),))


def convnext(
    depths: tuple[int, ...],
    *,
    width: int,
    drop_path_rate: float,
    block: Block = CONVNEXT_BLOCK,
    patch_size: int = 4,
) -> ArchSpec:
    """A ConvNeXt; `width` is the block width of stage 1 and doubles from stage to stage."""
    return ArchSpec(
        depths=depths,
        widths=doubling(width, len(depths)),
        blocks=(block,),
        stem=Stem((ConvLayer(patch_size, patch_size, norm=True),)),
        strides=halving(len(depths)),
        width_is="block",
        norm="layer",
        activation="gelu",
        downsample=NORM_THEN_CONV,
        head=Head(norm="after_pool"),
        drop_path_rate=drop_path_rate,
    )


def isotropic(
    depth: int, *, width: int, drop_path_rate: float, layer_scale: float | None = None
) -> ArchSpec:
    """An isotropic ConvNeXt (Section 3.3): one stage on 16 px patches, no norm after the stem.

    The constructor's default, which the training commands of S and B also give, is no layer scale.
    The command of L does not give it, so that main.py's 1e-6 applies: L was trained with a layer
    scale and its released weights hold one. A plain name is a network without, of the size that the
    code's own constructor builds, and `__scale` one with a layer scale of 1e-6:
    `convnext_isotropic_large__scale` is the L that was trained and released.
    """
    return replace(
        convnext((depth,), width=width, drop_path_rate=drop_path_rate),
        blocks=(convnext_block(Spatial("depthwise", 7), layer_scale=layer_scale),),
        stem=Stem((ConvLayer(16, 16),)),
        downsample=Downsample(),
    )


def with_kernel(size: int, parallel: tuple[int, ...] | None = None) -> ArchSpec:
    """ConvNeXt-T with one kernel size in all stages, plain or with parallel small kernels."""
    block = convnext_block(Spatial("depthwise", size, parallel_kernels=parallel))
    return convnext((3, 3, 9, 3), width=96, drop_path_rate=0.1, block=block)


# kernel size -> the small kernel beside it
PARALLEL = MappingProxyType({3: 1, 7: 5, 13: 5, 31: 5, 51: 5})

CONVNEXTS = {
    "convnext_tiny": convnext((3, 3, 9, 3), width=96, drop_path_rate=0.1),
    "convnext_small": convnext((3, 3, 27, 3), width=96, drop_path_rate=0.4),
    "convnext_base": convnext((3, 3, 27, 3), width=128, drop_path_rate=0.5),
    "convnext_large": convnext((3, 3, 27, 3), width=192, drop_path_rate=0.5),
    "convnext_xlarge": convnext((3, 3, 27, 3), width=256, drop_path_rate=0.2),
    "convnext_isotropic_small": isotropic(18, width=ISOTROPIC_WIDTH, drop_path_rate=0.1),
    "convnext_isotropic_base": isotropic(18, width=768, drop_path_rate=0.2),
    "convnext_isotropic_large": isotropic(36, width=1024, drop_path_rate=0.5),
    "convnext_isotropic_large__scale": isotropic(
        36, width=1024, drop_path_rate=0.5, layer_scale=LAYER_SCALE
    ),
    **{f"convnext_tiny_k{size}": with_kernel(size) for size in PARALLEL},
    **{
        f"convnext_tiny_k{size}_parallel{small}": with_kernel(size, (small,))
        for size, small in PARALLEL.items()
    },
}
