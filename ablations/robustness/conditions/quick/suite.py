"""The suite `quick`."""

from collections.abc import Sequence

from ablations.robustness.conditions.attacks.suite import quick_attacks
from ablations.robustness.conditions.condition import Condition
from ablations.robustness.conditions.corruptions import corruptions
from ablations.robustness.conditions.occlusion.suite import quick_occlusion
from ablations.robustness.conditions.suites import REGISTERED, Setting, Suite

_LEVELS = (1, 3, 5)


def quick(setting: Setting) -> Sequence[Condition]:
    """Fifteen corruptions at three severities, half of the patches dropped, FGSM by two levels."""
    return (
        *corruptions(setting, levels=_LEVELS, extra=False),
        *quick_occlusion(setting),
        *quick_attacks(),
    )


REGISTERED.register(
    "quick",
    Suite(
        conditions=quick,
        images=500,
        title="15 corruptions at severities 1, 3 and 5, half of the patches dropped, FGSM",
    ),
)
