"""How much the maps of a network vary over their positions."""

from dataclasses import dataclass
from typing import Any

import torch

from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.analyses.refusals import unknown_parts
from ablations.robustness.conditions.answers import require_finite
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch, Images
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import ImageCondition, Plain
from lit_models.probes.feature_maps import map_variances


@dataclass(frozen=True)
class FeatureVariance(ImageCondition):
    """The variance of the stem's and every block's output, image by image."""

    kind = "analyses"

    @property
    def name(self) -> str:
        """`feature_variance`."""
        return "feature_variance"

    def parameters(self) -> Plain:
        """None."""
        return {}

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """A network whose blocks are not known."""
        del images
        return unknown_parts("feature-map variance", network)

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The pixels `(N, C, H, W)` in [0, 1], as they are."""
        return as_floats(batch.pixels)

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """Variances (N, maps), and the same over the maps' mean squares; NaN for maps of zeros.

        Raises:
            NotFiniteError: a map has a value that is no number.
        """
        variance, square = (
            each.cpu() for each in map_variances(network.pixels, made.to(network.device))
        )
        require_finite(square.float(), batch.indices)
        return {
            names.MAP_VARIANCE: variance.float().numpy(),
            names.MAP_RELATIVE: (variance / square).float().numpy(),
        }
