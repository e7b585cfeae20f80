"""AlexNet's numbers, which mCE and mFR of ImageNet's public files are divided by.

Errors by severity: timm/utils/imagenet_c.py of github.com/UCSC-VLAA/RobustCNN at 81b4336, also in
issue 10 of github.com/hendrycks/robustness. Means of the extra corruptions and flip probabilities:
mce/eval_robustness.py of github.com/clovaai/assembled-cnn at 9cdc297, their only source. Clean
error: torchvision 0.29.2, `AlexNet_Weights.IMAGENET1K_V1`, acc@1 56.522. Top-5 distances are
published nowhere.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

CLEAN_ERROR = 0.43478
_ERRORS: Mapping[str, tuple[float, ...]] = {
    "gaussian_noise": (0.69528, 0.82542, 0.93554, 0.98138, 0.99452),
    "shot_noise": (0.71224, 0.85108, 0.93574, 0.98182, 0.99146),
    "impulse_noise": (0.78374, 0.89808, 0.9487, 0.9872, 0.99548),
    "defocus_blur": (0.65624, 0.73202, 0.85036, 0.91364, 0.94714),
    "glass_blur": (0.64308, 0.75054, 0.88806, 0.91622, 0.93344),
    "motion_blur": (0.5843, 0.70048, 0.82108, 0.8975, 0.92638),
    "zoom_blur": (0.70008, 0.76992, 0.80784, 0.84198, 0.87198),
    "snow": (0.71726, 0.88392, 0.86468, 0.9187, 0.94952),
    "frost": (0.6139, 0.79734, 0.8879, 0.89942, 0.9343),
    "fog": (0.67474, 0.7605, 0.84378, 0.8726, 0.945),
    "brightness": (0.4514, 0.48502, 0.54048, 0.62166, 0.72444),
    "contrast": (0.64548, 0.7615, 0.88874, 0.9776, 0.9927),
    "elastic_transform": (0.52596, 0.70116, 0.55686, 0.64076, 0.80554),
    "pixelate": (0.52218, 0.5462, 0.73728, 0.87092, 0.91262),
    "jpeg_compression": (0.51002, 0.54718, 0.57294, 0.65458, 0.74778),
}
FLIP_PROBABILITY: Mapping[str, float] = MappingProxyType(
    {
        "gaussian_noise": 0.23653,
        "shot_noise": 0.30062,
        "motion_blur": 0.09297,
        "zoom_blur": 0.05942,
        "snow": 0.11928,
        "brightness": 0.04889,
        "translate": 0.11007,
        "rotate": 0.13104,
        "tilt": 0.0705,
        "scale": 0.23531,
    }
)


def alexnet_errors() -> dict[str, NDArray[np.float64]]:
    """Error rates under ImageNet-C's fifteen corruptions, (5,) each, by severity."""
    return {name: np.array(errors) for name, errors in _ERRORS.items()}
