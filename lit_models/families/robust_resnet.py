"""Robust-ResNet: "Can CNNs Be More Robust Than Transformers?" (arXiv 2206.03452).

Released code at github.com/UCSC-VLAA/RobustCNN, commit 81b4336. Four depthwise bottlenecks, each as
the study's baseline (`resnet_*`: ordinary stem, norms and activations, stage-3 depth tuned to about
4.6 GMACs as the paper says; their widths and depths are ours, since the code is not public) and as
the released network (`robust_resnet_*`). All start alike, as the released code starts them: every
norm at 1, so that a norm that moves takes no start at the identity with it.

Where code and paper disagree or the paper is silent: all convolutions have biases, also before a
batch norm (`bias`). The networks that were trained and released have no layer scale: the commands
that train and validate pass 0, which means none. 1e-6 is only the default of the constructors, and
what they build by themselves is `robust_resnet_*__scale`. The docstring of the released down model
gives 24.3 M parameters; it has 34.3 M.

Re-parameterised variants are not public. `*_reparam` is ours after the idea of the paper's section:
RepLKNet's 5x5 beside the large kernel, each with a batch norm of its own, which takes the place of
a batch norm that followed the convolution.
"""

from dataclasses import replace

from lit_models.families.resnet import RESNET_STEM, doubling, halving
from lit_models.space.spec import (
    ArchSpec,
    Block,
    Branch,
    ConvLayer,
    Downsample,
    Init,
    Place,
    Role,
    Spatial,
    Stem,
    parallel_spec,
)

INIT = Init("fan_out")
WIDTHS = (96, 192, 384, 768)
LAYER_SCALE = 1e-6  # the constructors' default, which no training command uses
MIDDLE: tuple[Role, ...] = ("pointwise_in", "spatial", "pointwise_out")
UP: tuple[Role, ...] = ("spatial", "pointwise_in", "pointwise_out")
DOWN: tuple[Role, ...] = ("pointwise_in", "pointwise_out", "spatial")


def baseline(
    depths: tuple[int, ...],
    layers: tuple[Role, ...],
    *,
    inverted: bool,
    width: int = 96,
    stem: Stem = RESNET_STEM,
    downsample: Downsample = Downsample(),  # noqa: B008 frozen
) -> ArchSpec:
    """A depthwise ResNet with a norm after each layer and an activation after all but the last."""
    branch = Branch(
        layers=layers,
        spatial=Spatial("depthwise", 3, expands=layers[0] == "spatial"),
        norms=frozenset(layers),
        activations=frozenset({*layers[:-1], "sum"}),
    )
    return ArchSpec(
        depths=depths,
        widths=doubling(width, len(depths)),
        blocks=(Block((branch,)),),
        stem=stem,
        strides=halving(len(depths)),
        width_is="block" if inverted else "hidden",
        downsample=downsample,
        init=INIT,
    )


def robust(
    depths: tuple[int, ...],
    layers: tuple[Role, ...],
    *,
    kernel_size: int,
    norms: frozenset[Place],
    activations: frozenset[Place],
    inverted: bool = True,
    width: int = 96,
    patch_size: int = 16,
    strides: tuple[int, ...] = (1, 1, 1, 2),
    downsample: Downsample = Downsample(),  # noqa: B008 frozen
) -> ArchSpec:
    """A Robust-ResNet as trained: patchify stem, large kernel, few norms and activations."""
    branch = Branch(
        layers=layers,
        spatial=Spatial("depthwise", kernel_size, expands=layers[0] == "spatial"),
        norms=norms,
        activations=activations,
    )
    return ArchSpec(
        depths=depths,
        widths=doubling(width, len(depths)),
        blocks=(Block((branch,)),),
        stem=Stem((ConvLayer(patch_size, patch_size),)),
        strides=strides,
        width_is="block" if inverted else "hidden",
        bias="always",
        downsample=downsample,
        drop_path_rate=0.1,
        init=INIT,
    )


_FIRST = frozenset[Place]({"pointwise_in"})
LAST_BLOCK = Downsample("last_block")

# The stage-3 depth nearest to 4.6 GMACs: 4.50, 4.58, 4.64 and 4.71 (tests/support/golden.json)
BASELINES = {
    "resnet_dw": baseline((3, 4, 4, 3), MIDDLE, inverted=False),
    "resnet_inverted_dw": baseline((3, 4, 7, 3), MIDDLE, inverted=True),
    "resnet_up_inverted_dw": baseline((3, 4, 9, 3), UP, inverted=True),
    "resnet_down_inverted_dw": baseline((3, 4, 10, 3), DOWN, inverted=True, downsample=LAST_BLOCK),
}
ROBUST_RESNETS = {
    "robust_resnet_dw_small": robust(
        (3, 4, 12, 3),
        MIDDLE,
        kernel_size=11,
        norms=_FIRST,
        activations=frozenset({"sum"}),
        inverted=False,
    ),
    "robust_resnet_inverted_dw_small": robust(
        (3, 4, 14, 3), MIDDLE, kernel_size=7, norms=_FIRST, activations=_FIRST
    ),
    "robust_resnet_up_inverted_dw_small": robust(
        (3, 4, 14, 3), UP, kernel_size=11, norms=frozenset({"spatial"}), activations=_FIRST
    ),
    "robust_resnet_down_inverted_dw_small": robust(
        (3, 4, 15, 3),
        DOWN,
        kernel_size=11,
        norms=_FIRST,
        activations=_FIRST,
        downsample=LAST_BLOCK,
    ),
}
REPARAMETERISED = {
    f"{name}_reparam": parallel_spec(spec, (5,)) for name, spec in ROBUST_RESNETS.items()
}
SCALED = {
    f"{name}__scale": spec.map_branches(lambda branch: replace(branch, layer_scale=LAYER_SCALE))
    for name, spec in ROBUST_RESNETS.items()
}
