"""Named networks as constants of the design space.

Sources: ResNet (He et al., arXiv 1512.03385; the v1.5 variant that strides the 3x3), ConvNeXt
(arXiv 2201.03545, Table 5 and Section 3).
"""

from collections.abc import Mapping
from types import MappingProxyType

from lit_models.spec import (
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

BOTTLENECK = Block(
    (
        Branch(
            layers=("pointwise_in", "spatial", "pointwise_out"),
            spatial=Spatial("dense", 3),
            norms=frozenset({"pointwise_in", "spatial", "pointwise_out"}),
            activations=frozenset({"pointwise_in", "spatial", "sum"}),
        ),
    )
)
CONVNEXT_BLOCK = Block(
    (
        Branch(
            layers=("spatial", "pointwise_in", "pointwise_out"),
            spatial=Spatial("depthwise", 7),
            norms=frozenset({"spatial"}),
            activations=frozenset({"pointwise_in"}),
            layer_scale=LAYER_SCALE,
        ),
    )
)
RESNET_INIT = Init("fan_out", zero_last_norm=True)  # timm's ResNet
RESNET_STEM = Stem((ConvLayer(7, 2, norm=True, activation=True),), max_pool=True)
SMALL_RESNET_STEM = Stem((ConvLayer(3, 1, norm=True, activation=True),), max_pool=True)


def resnet(
    depths: tuple[int, ...],
    *,
    width: int = 64,
    stem: Stem = RESNET_STEM,
    drop_path_rate: float = 0.0,
    init: Init = RESNET_INIT,
) -> ArchSpec:
    """A bottleneck ResNet; `width` is the hidden width of stage 1 and doubles at each stage."""
    stages = len(depths)
    return ArchSpec(
        depths=depths,
        widths=tuple(width * 2**stage for stage in range(stages)),
        blocks=(BOTTLENECK,),
        stem=stem,
        strides=(1, *(2,) * (stages - 1)),
        drop_path_rate=drop_path_rate,
        init=init,
    )


def convnext(depths: tuple[int, ...], *, width: int, drop_path_rate: float) -> ArchSpec:
    """A ConvNeXt; `width` is the block width of stage 1 and doubles from stage to stage."""
    return ArchSpec(
        depths=depths,
        widths=tuple(width * 2**stage for stage in range(len(depths))),
        blocks=(CONVNEXT_BLOCK,),
        stem=Stem((ConvLayer(4, 4, norm=True),)),
        strides=(1, *(2,) * (len(depths) - 1)),
        width_is="block",
        norm="layer",
        activation="gelu",
        downsample=Downsample("separate", norm_before=True, layers=(ConvLayer(2, 2),)),
        head=Head(norm="after_pool"),
        drop_path_rate=drop_path_rate,
    )


SPECS: Mapping[str, ArchSpec] = MappingProxyType(
    {
        "resnet50": resnet((3, 4, 6, 3)),
        "resnet101": resnet((3, 4, 23, 3)),
        "resnet152": resnet((3, 8, 36, 3)),
        "resnet200": resnet((3, 24, 36, 3)),
        "convnext_tiny": convnext((3, 3, 9, 3), width=96, drop_path_rate=0.1),
        "convnext_small": convnext((3, 3, 27, 3), width=96, drop_path_rate=0.4),
        "convnext_base": convnext((3, 3, 27, 3), width=128, drop_path_rate=0.5),
        "convnext_large": convnext((3, 3, 27, 3), width=192, drop_path_rate=0.5),
    }
)
