"""The trajectories of the ConvNeXt paper: `TRAJECTORIES` by name.

Rows follow arXiv 2201.03545, Table 10 (`resnet50_to_convnext_t`) and Table 11
(`resnet200_to_convnext_b`). The start of both has the recipe's constants of Table 5
(initialisation, stochastic depth), so that no step changes them. `convnext_nano` is ours: the same
twelve steps for small images, in three stages; its initial weights follow the width of each layer,
and it has no layer scale, which its few steps of training could not move.
"""

from collections.abc import Mapping
from types import MappingProxyType

from lit_models.families.resnet import resnet
from lit_models.space.spec import Init
from lit_models.steps.library import named_step
from lit_models.steps.step import Step
from lit_models.steps.trajectory import START, Trajectory

__all__ = ["START", "TRAJECTORIES", "Trajectory"]

PAPER = "arXiv 2201.03545"
# Its Sections 2.2 to 2.6
MACRO_DESIGN, RESNEXT, INVERTED = "macro design", "ResNeXt", "inverted bottleneck"
LARGE_KERNEL, MICRO_DESIGN = "large kernel", "micro design"


def _modernise(
    *,
    depths: str,
    widths: str,
    patch_size: int,
    ratio_widths: str | None = None,
    fewer_norms: str = "fewer_norms",
    source: str,
) -> tuple[Step, ...]:
    ratio = [f"depths={depths}", *([f"widths={ratio_widths}"] if ratio_widths else [])]
    return tuple(
        named_step(name, *texts, title=title, group=group, source=source)
        for group, name, title, texts in (
            (MACRO_DESIGN, "stage_ratio", "stage ratio", ratio),
            (MACRO_DESIGN, "patchify_stem", "patchify stem", [f"patch_size={patch_size}"]),
            (RESNEXT, "depthwise", "depthwise conv", ["depthwise"]),
            (RESNEXT, "width", "width ↑", [f"widths={widths}"]),
            (INVERTED, "inverted_bottleneck", "inverting dims", ["inverted_bottleneck"]),
            (LARGE_KERNEL, "move_depthwise_up", "move ↑ d. conv", ["move_depthwise_up"]),
            (LARGE_KERNEL, "kernel_size", "kernel sz. → 7", ["kernel_size=7"]),
            (MICRO_DESIGN, "relu_to_gelu", "ReLU → GELU", ["activation=gelu"]),
            (MICRO_DESIGN, "fewer_activations", "fewer activations", ["fewer_activations"]),
            (MICRO_DESIGN, "fewer_norms", "fewer norms", [fewer_norms]),
            (MICRO_DESIGN, "bn_to_ln", "BN → LN", ["norm=layer"]),
            (MICRO_DESIGN, "separate_downsampling", "sep. d.s. conv", ["separate_downsampling"]),
        )
    )


def _kernels(*sizes: int, source: str) -> Mapping[str, tuple[Step, ...]]:
    tried = tuple(
        named_step(
            f"kernel_size_{size}",
            f"kernel_size={size}",
            title=f"kernel sz. → {size}",
            group=LARGE_KERNEL,
            source=source,
        )
        for size in sizes
    )
    return MappingProxyType({"kernel_size": tried})


RESNET50_TO_CONVNEXT_T = Trajectory(
    name="resnet50_to_convnext_t",
    title="ResNet-50 → ConvNeXt-T",
    start=resnet((3, 4, 6, 3), drop_path_rate=0.1, init=Init()),
    start_title="ResNet-50",
    steps=_modernise(
        depths="3+3+9+3", widths="96+192+384+768", patch_size=4, source=f"{PAPER}, Table 10"
    ),
    image_size=224,
    alternatives=_kernels(5, 9, 11, source=f"{PAPER}, Table 10"),
    published="table10_resnet50_regime",
)
RESNET200_TO_CONVNEXT_B = Trajectory(
    name="resnet200_to_convnext_b",
    title="ResNet-200 → ConvNeXt-B",
    start=resnet((3, 24, 36, 3), drop_path_rate=0.5, init=Init()),
    start_title="ResNet-200",
    steps=_modernise(
        depths="3+3+27+3",
        # a network that has other widths already, by `width`, keeps them
        ratio_widths="64+128+256+512:84+168+336+672",
        widths="128+256+512+1024",
        patch_size=4,
        source=f"{PAPER}, Table 11",
    ),
    image_size=224,
    alternatives=_kernels(5, 9, 11, source=f"{PAPER}, Table 11"),
    published="table11_resnet200_regime",
)
# Depths 1:2:2 -> 1:1:3 mirror Table 10, as does the stem of stride 4, ResNet's own: at 48 px maps
# have 12, 6 and 3 px, at 32 px 8, 4 and 2: sides that halve exactly, so that no way of downsampling
# drops a row. Widths x1.75 (the paper's x1.5) keep the points from "move d. conv" on near the
# start's GMACs, as the paper's are.
CONVNEXT_NANO = Trajectory(
    name="convnext_nano",
    title="ResNet-nano → ConvNeXt-nano",
    start=resnet((1, 2, 2), width=16, init=Init("xavier")),
    start_title="ResNet-nano",
    steps=_modernise(
        depths="1+1+3",
        widths="28+56+112",
        patch_size=4,
        fewer_norms="norms=spatial",
        source=f"ours, after {PAPER}, Table 10",
    ),
    image_size=48,
    alternatives=_kernels(5, 9, 11, source=f"ours, after {PAPER}, Table 10"),
    published="table10_resnet50_regime",
)

TRAJECTORIES: Mapping[str, Trajectory] = MappingProxyType(
    {t.name: t for t in (CONVNEXT_NANO, RESNET50_TO_CONVNEXT_T, RESNET200_TO_CONVNEXT_B)}
)
