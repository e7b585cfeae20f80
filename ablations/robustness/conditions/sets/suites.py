"""The suites of public sets, as their papers and benchmarks have them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ablations.robustness.conditions.analyses.feature_variance import FeatureVariance
from ablations.robustness.conditions.analyses.kernel_distance import KernelDistance
from ablations.robustness.conditions.analyses.lesion import Lesion
from ablations.robustness.conditions.analyses.noise import noise_conditions
from ablations.robustness.conditions.analyses.receptive_field import ReceptiveField
from ablations.robustness.conditions.attacks.suite import large_kernel_attacks
from ablations.robustness.conditions.condition import Condition
from ablations.robustness.conditions.occlusion.suite import large_kernel_occlusion
from ablations.robustness.conditions.sets.chosen import (
    Wanted,
    absent,
    every_set,
    part_names,
    set_conditions,
    there,
)
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite
from datamodules.benchmarks.entries import SETS


def robust_resnet(setting: Setting) -> Wanted:
    """The sets of arXiv 2206.03452: Stylized, C (15 corruptions, 5 severities), R and Sketch."""
    del setting
    names = ("stylized", "imagenet_c", "imagenet_r", "imagenet_sketch")
    return {name: part_names(SETS[name]) for name in names}


def large_kernels(setting: Setting) -> Wanted:
    """The sets of arXiv 2407.08972: A, C (19 corruptions at severity 5), O, P, R and 9."""
    del setting
    corrupted = part_names(SETS["imagenet_c"], extra=True, severities=(5,))
    others = ("imagenet_a", "imagenet_o", "imagenet_p", "imagenet_r", "imagenet_9")
    return {"imagenet_c": corrupted, **{name: part_names(SETS[name]) for name in others}}


def _suite(wanted: Callable[[Setting], Wanted], title: str) -> Suite:
    return Suite(
        conditions=lambda setting: set_conditions(wanted(setting), setting),
        images=None,
        title=title,
        absent=lambda setting: absent(wanted(setting), setting),
        there=lambda setting: there(wanted(setting), setting),
    )


def large_kernel_analyses(setting: Setting) -> Sequence[Condition]:
    """The analyses of arXiv 2407.08972, at its values.

    Where it prints none they are of the keys (noise) or of arXiv 2203.06717 (receptive field).
    Saliency is that of the keys, as its own needs a checkpoint of DINO.
    """
    return (
        *large_kernel_occlusion(setting),
        *large_kernel_attacks(setting),
        Lesion(10, (3,)),
        KernelDistance(),
        FeatureVariance(),
        ReceptiveField(1024, 50, evaluated=setting.images.side),
        *noise_conditions(setting),
    )


REGISTERED.register(
    "imagenet", _suite(every_set, "every public set on disk that has the classes of the data")
)
REGISTERED.register(
    "paper_robust_resnet",
    _suite(robust_resnet, "Stylized-ImageNet, ImageNet-C, -R and -Sketch (arXiv 2206.03452)"),
)
_large = _suite(large_kernels, "the sets and analyses of large kernels (arXiv 2407.08972)")
REGISTERED.register(
    "paper_large_kernels",
    replace(
        _large,
        conditions=lambda setting: (
            *_large.conditions(setting),
            *large_kernel_analyses(setting),
        ),
    ),
)
