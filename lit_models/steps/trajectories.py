"""Trajectories: a start spec, ordered step, and the settings that were tried beside a step.

Rows follow arXiv 2201.03545, Table 10 (`resnet50_to_convnext_t`) and Table 11
(`resnet200_to_convnext_b`). The start of both has the recipe's constants of Table 5
(initialisation, stochastic depth), so that no step changes them. `convnext_nano` is ours: the same
twelve steps for 28-64 px images, in three stages; its initial values suit its widths, and it has no
layer scale, which its few steps of training could not move.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from lit_models.families.convnext import LAYER_SCALE, narrow_init
from lit_models.families.resnet import SMALL_RESNET_STEM, doubling, resnet
from lit_models.space.spec import ArchSpec, Init
from lit_models.steps import step
from lit_models.steps.step import Step, Widths, apply_steps

START = "start"  # the step name of the point before any step


@dataclass(frozen=True)
class Trajectory:
    """A line through the design space.

    `alternatives` maps the name of a step to other settings of it; each takes the step's place.
    `published` names the curve in the published results, when there is one.
    """

    name: str
    title: str
    start: ArchSpec
    start_title: str
    steps: tuple[Step, ...]
    image_size: int
    alternatives: Mapping[str, tuple[Step, ...]]
    published: str | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """Every step and alternative of the trajectory by its name."""
        others = [step for tried in self.alternatives.values() for step in tried]
        return MappingProxyType({step.name: step for step in (*self.steps, *others)})

    @property
    def step_names(self) -> tuple[str, ...]:
        """Names of the main step, in order."""
        return tuple(step.name for step in self.steps)

    def apply(self, names: Sequence[str]) -> ArchSpec:
        """The start after these step, in this order; a set of them is one network in any order.

        Raises KeyError for a step that the trajectory does not have, ValueError where one cannot be
        applied, or where two are settings of one step, of which the later would win.
        """
        for main, tried in self.alternatives.items():
            chosen = [name for name in names if name in {main, *(step.name for step in tried)}]
            if len(chosen) > 1:
                raise ValueError(
                    f"{' and '.join(chosen)} are settings of one step: a network has one of them"
                )
        return apply_steps(self.start, [self.by_name[name] for name in names])

    def spec_after(self, name: str) -> ArchSpec:
        """The spec after the main steps up to `name`; START is none of them.

        An alternative takes its step's place.

        Raises KeyError when the trajectory has no such step.
        """
        if name == START:
            return self.start
        tried = {
            alternative.name: main
            for main, group in self.alternatives.items()
            for alternative in group
        }
        last = self.step_names.index(tried.get(self.by_name[name].name, name))
        return apply_steps(self.start, (*self.steps[:last], self.by_name[name]))


def _modernise(
    *,
    depths: tuple[int, ...],
    width: int,
    patch_size: int,
    ratio_widths: tuple[Widths, Widths] | None = None,
    layer_scale: float | None = LAYER_SCALE,
) -> tuple[Step, ...]:
    widths = doubling(width, len(depths))
    return (
        step.stage_ratio(depths, widths=ratio_widths),
        step.patchify_stem(patch_size),
        step.depthwise(),
        step.width(widths),
        step.inverted_bottleneck(),
        step.move_depthwise_up(),
        step.kernel_size(7),
        step.relu_to_gelu(),
        step.fewer_activations(),
        step.fewer_norms(layer_scale=layer_scale),
        step.bn_to_ln(),
        step.separate_downsampling(),
    )


def _kernels(*sizes: int) -> Mapping[str, tuple[Step, ...]]:
    tried = tuple(step.kernel_size(size, name=f"kernel_size_{size}") for size in sizes)
    return MappingProxyType({"kernel_size": tried})


RESNET50_TO_CONVNEXT_T = Trajectory(
    name="resnet50_to_convnext_t",
    title="ResNet-50 → ConvNeXt-T",
    start=resnet((3, 4, 6, 3), drop_path_rate=0.1, init=Init()),
    start_title="ResNet-50",
    steps=_modernise(depths=(3, 3, 9, 3), width=96, patch_size=4),
    image_size=224,
    alternatives=_kernels(5, 9, 11),
    published="table10_resnet50_regime",
)
RESNET200_TO_CONVNEXT_B = Trajectory(
    name="resnet200_to_convnext_b",
    title="ResNet-200 → ConvNeXt-B",
    start=resnet((3, 24, 36, 3), drop_path_rate=0.5, init=Init()),
    start_title="ResNet-200",
    steps=_modernise(
        depths=(3, 3, 27, 3),
        ratio_widths=(doubling(64, 4), doubling(84, 4)),
        width=128,
        patch_size=4,
    ),
    image_size=224,
    alternatives=_kernels(5, 9, 11),
    published="table11_resnet200_regime",
)
# Depths 1:2:2 -> 1:1:3 and widths x1.5 mirror Table 10. A stem of stride 2 gives 16, 8, 4 px maps
# at 32 px: sides that halve exactly, so that no way of downsampling drops a row.
_NANO_WIDTH = 24
CONVNEXT_NANO = Trajectory(
    name="convnext_nano",
    title="ResNet-nano → ConvNeXt-nano",
    start=resnet((1, 2, 2), width=16, stem=SMALL_RESNET_STEM, init=narrow_init(_NANO_WIDTH)),
    start_title="ResNet-nano",
    steps=_modernise(depths=(1, 1, 3), width=_NANO_WIDTH, patch_size=2, layer_scale=None),
    image_size=32,
    alternatives=_kernels(5, 9, 11),
    published="table10_resnet50_regime",
)

TRAJECTORIES: Mapping[str, Trajectory] = MappingProxyType(
    {t.name: t for t in (CONVNEXT_NANO, RESNET50_TO_CONVNEXT_T, RESNET200_TO_CONVNEXT_B)}
)
