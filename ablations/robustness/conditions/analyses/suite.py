"""The suite `analyses`."""

from collections.abc import Sequence

from ablations.robustness.conditions.analyses.feature_variance import FeatureVariance
from ablations.robustness.conditions.analyses.kernel_distance import KernelDistance
from ablations.robustness.conditions.analyses.lesion import Lesion
from ablations.robustness.conditions.analyses.noise import noise_conditions
from ablations.robustness.conditions.analyses.receptive_field import ReceptiveField
from ablations.robustness.conditions.condition import Condition
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite

# The side of images at which RepLKNet (arXiv 2203.06717) measures receptive fields, and of images
# so large that they are tested at 224 px. Small ones are enlarged by the same factor, about.
_SIDE, _LARGE, _ENLARGED = 1024, 128, 4


def analyses(setting: Setting) -> Sequence[Condition]:
    """Lesion, kernels, feature maps, receptive field and rings of noise, as the keys say."""
    config, side = setting.config, setting.images.side
    wanted = config.receptive_field.side or (_SIDE if side > _LARGE else _ENLARGED * side)
    stages = None if config.lesion.stages is None else tuple(config.lesion.stages)
    return (
        Lesion(config.lesion.draws, stages),
        KernelDistance(),
        FeatureVariance(),
        ReceptiveField(wanted, config.receptive_field.images, evaluated=side),
        *noise_conditions(setting),
    )


REGISTERED.register(
    "analyses",
    Suite(analyses, images=256, title="why: blocks, noise, kernels, maps, receptive field"),
)
