"""Which pixels the middle of a network's last map depends on."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.analyses.refusals import unknown_parts
from ablations.robustness.conditions.answers import require_finite
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, DataImages, Images
from ablations.robustness.conditions.clean import as_floats
from ablations.robustness.conditions.condition import NetworkCondition, Passes, Plain
from lit_models.probes.anatomy import anatomy
from lit_models.probes.receptive_field import contributions, logarithmic, squares

# Shares of the contributions that RepLKNet's code (arXiv 2203.06717) gives the areas of.
THRESHOLDS = (0.2, 0.3, 0.5, 0.99)
_DRAWN = 128  # the side of the map that is kept, at most
_READ = 8  # images at a time: they are large


@dataclass(frozen=True)
class ReceptiveField(NetworkCondition):
    """The effective receptive field, by default as RepLKNet measures it, but for `squares`.

    Networks that take one size of images only are asked at that size: the field of another side is
    not to be compared.

    Attributes:
        side: of the images in pixels.
        count: how many images it is the mean over.
        evaluated: side of the images in a test, by which its cost is known.
    """

    side: int = 1024
    count: int = 50
    evaluated: int = field(default=224, compare=False)
    kind = "analyses"

    def __post_init__(self) -> None:
        if self.side < 1 or self.count < 1:
            raise ValueError(
                "receptive_field.side and receptive_field.images are at least 1, found "
                f"{self.side} and {self.count}"
            )

    @property
    def name(self) -> str:
        """`receptive_field`."""
        return "receptive_field"

    def parameters(self) -> Plain:
        """Side, images and thresholds."""
        return {"side": self.side, "count": self.count, "thresholds": list(THRESHOLDS)}

    def images(self, images: DataImages) -> Images:
        """Some of the test images, at another side."""
        return images.limited(self.count).at(self.side)

    def passes(self, network: AskedNetwork) -> Passes:
        """A backward pass an image, of larger images than in a test."""
        del network
        return Passes(forwards=0, backwards=(self.side / self.evaluated) ** 2)

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """A network whose blocks are not known."""
        del images
        return unknown_parts("receptive field", network)

    def measure(self, network: AskedNetwork, images: Images, *, seed: int, batch: int) -> Arrays:
        """Areas, the shares that they come from, and the map: see `names`.

        Raises:
            NotFiniteError: a gradient is no number.
        """
        del seed
        side = anatomy(network.backbone).side or images.side
        scores, centre = _scores(network, images, side=side, batch=batch)
        raw, drawn = squares(scores, centre), squares(logarithmic(scores), centre)
        return {
            names.SIDE: np.array(side, np.int16),
            names.CENTRE: np.array(centre),
            names.SIDES: raw.sides.astype(np.int16),
            names.SHARES: raw.shares.astype(np.float32),
            names.LOG_SHARES: drawn.shares.astype(np.float32),
            names.THRESHOLDS: np.array(THRESHOLDS),
            names.SQUARES: np.array([raw.side(share) for share in THRESHOLDS]),
            names.LOG_SQUARES: np.array([drawn.side(share) for share in THRESHOLDS]),
            names.MAP: smaller(scores, most=_DRAWN).astype(np.float32),
        }


def _scores(
    network: AskedNetwork, images: Images, *, side: int, batch: int
) -> tuple[NDArray[np.float64], float]:
    """The mean of the contributions over images (side, side), and the centre of the field."""
    total, centre = np.zeros((side, side)), 0.0
    for some in images.batches(min(batch, _READ)):
        pixels = as_floats(some.pixels)
        if pixels.shape[-1] != side:
            pixels = interpolate(pixels, side, mode="bicubic", antialias=True).clamp(0, 1)
        found, centre = contributions(network.pixels, pixels.to(network.device))
        require_finite(found, some.indices)
        for each in found.cpu().double().numpy():  # one by one: the sum is that of any batch
            total += each
    return total / len(images.labels), centre


def smaller(scores: NDArray[np.float64], *, most: int) -> NDArray[np.float64]:
    """Means (about most, likewise) over squares of pixels of a map (H, H), or the map."""
    step = -(-len(scores) // most)
    if step == 1:
        return scores
    maps = torch.from_numpy(scores)[None, None]
    return np.asarray(torch.nn.functional.avg_pool2d(maps, step, ceil_mode=True)[0, 0])
