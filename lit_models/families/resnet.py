"""ResNet: bottlenecks of dense convolutions (He et al., arXiv 1512.03385).

The v1.5 variant, which strides the 3x3. Initialisation as in timm, whose constructor starts the
last norm of a branch at 0. torchvision's training, and FFCV's, which takes torchvision's network,
start every norm at 1: `resnet50__torchvision`, the network of their recipes.
"""

from lit_models.space.spec import ArchSpec, Block, Branch, ConvLayer, Init, Spatial, Stem

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
RESNET_INIT = Init("fan_out", zero_last_norm=True)  # timm's ResNet
TORCHVISION_INIT = Init("fan_out")
RESNET_STEM = Stem((ConvLayer(7, 2, norm=True, activation=True),), max_pool=True)
SMALL_RESNET_STEM = Stem((ConvLayer(3, 1, norm=True, activation=True),), max_pool=True)


def doubling(width: int, stages: int) -> tuple[int, ...]:
    """Widths that double from stage to stage."""
    return tuple(width * 2**stage for stage in range(stages))


def halving(stages: int) -> tuple[int, ...]:
    """Strides of a pyramid: every stage but the first halves the map."""
    return (1, *(2,) * (stages - 1))


def resnet(
    depths: tuple[int, ...],
    *,
    width: int = 64,
    stem: Stem = RESNET_STEM,
    drop_path_rate: float = 0.0,
    init: Init = RESNET_INIT,
) -> ArchSpec:
    """A bottleneck ResNet; `width` is the hidden width of stage 1 and doubles at each stage."""
    return ArchSpec(
        depths=depths,
        widths=doubling(width, len(depths)),
        blocks=(BOTTLENECK,),
        stem=stem,
        strides=halving(len(depths)),
        drop_path_rate=drop_path_rate,
        init=init,
    )


RESNETS = {
    "resnet50": resnet((3, 4, 6, 3)),
    "resnet50__torchvision": resnet((3, 4, 6, 3), init=TORCHVISION_INIT),
    "resnet101": resnet((3, 4, 23, 3)),
    "resnet152": resnet((3, 8, 36, 3)),
    "resnet200": resnet((3, 24, 36, 3)),
}
