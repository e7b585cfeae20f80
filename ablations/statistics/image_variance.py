"""What a difference owes to the seeds and what to the test images it was taken on.

The score of image i with seed s, such as +1 where only the second of two networks is right, is
taken for `mean + image i + seed s + rest`, all but the mean random and independent: two-way random
effects without replication, estimated by the analysis of variance (Searle, Casella and McCulloch
1992, Variance Components). The rest is what a seed does on one image and not on others.
"""

from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.statistics.paired import CONFIDENCE


@dataclass(frozen=True)
class ImageVariance:
    """The variances of N images by n seeds, in squares of the scores' unit.

    Attributes:
        images: N.
        seeds: n.
        mean: of all scores.
        image: variance of the images' effects; with one seed the rest is in it.
        seed: variance of the seeds' effects; None with one seed.
        rest: of a single score beside both; None with one seed.

    An estimate below 0 is 0.
    """

    images: int
    seeds: int
    mean: float
    image: float
    seed: float | None
    rest: float | None

    @property
    def of_images(self) -> float:
        """Variance that other images of the same kind add to the mean."""
        return self.image / self.images

    @property
    def of_seeds(self) -> float | None:
        """Variance of the mean over other seeds, on these images; None with one seed."""
        if self.seed is None or self.rest is None:
            return None
        return (self.seed + self.rest / self.images) / self.seeds


def image_variance(scores: NDArray[Any]) -> ImageVariance:
    """Split the variance of scores (images, seeds). Raises ValueError for fewer than two images."""
    images, seeds = scores.shape
    if images < 2:
        raise ValueError(f"the variance of {images} test image cannot be split: it takes two")
    y = scores.astype(np.float64)
    mean, by_image, by_seed = float(y.mean()), y.mean(1), y.mean(0)
    ms_image = seeds * float(((by_image - mean) ** 2).sum()) / (images - 1)
    if seeds < 2:
        return ImageVariance(images, seeds, mean, ms_image, None, None)
    ms_seed = images * float(((by_seed - mean) ** 2).sum()) / (seeds - 1)
    left = y - by_image[:, None] - by_seed + mean
    rest = float((left**2).sum()) / ((images - 1) * (seeds - 1))
    image, seed = max(0.0, (ms_image - rest) / seeds), max(0.0, (ms_seed - rest) / images)
    return ImageVariance(images, seeds, mean, image, seed, rest)


def on_new_images(mean: float, half_width: float, split: ImageVariance) -> tuple[float, float]:
    """The 95 % interval of a difference over new seeds and new test images of the same kind.

    Args:
        mean: the difference.
        half_width: of its 95 % interval over seeds, on these images.
        split: of the scores that the difference is the mean of, in the same unit.

    The squares of both half widths add up, so that it is never the narrower one. One with
    Satterthwaite's degrees of freedom would cover too little where few seeds happen to agree.
    """
    from scipy.special import stdtrit

    images = float(stdtrit(split.images - 1, 0.5 + CONFIDENCE / 2)) * sqrt(split.of_images)
    half = hypot(half_width, images)
    return mean - half, mean + half
