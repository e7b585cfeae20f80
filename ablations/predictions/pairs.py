"""Two points compared image by image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ablations.compare.differences import between
from ablations.compare.records import PointRecord
from ablations.predictions.collected import Collected
from ablations.statistics.image_variance import ImageVariance, image_variance, on_new_images
from ablations.statistics.mcnemar import mcnemar_over_seeds_p, mcnemar_p
from ablations.statistics.moderated import StudyVariance

_PERCENT = 100.0


@dataclass(frozen=True)
class Pair:
    """A point against its reference. Differences are in points of top-1.

    Attributes:
        point, reference: labels.
        delta: mean over seeds, with the ends of its interval over new seeds on these images, and of
            that over new seeds and new images; None without noise over seeds.
        error: standard error over seeds, on these images.
        split: of the scores of images by seeds, +100 where only the point is right, -100 where
            only its reference is; of the seeds whose predictions both have.
        fixed, broken: by seed, how many images only the point, or only its reference, has right.
        p_by_seed: McNemar's mid-p of each seed's two networks.
        p: that of all seeds' networks, see `mcnemar_over_seeds_p`.
    """

    point: str
    reference: str
    delta: float
    low: float | None
    high: float | None
    new_low: float | None
    new_high: float | None
    error: float | None
    split: ImageVariance
    fixed: Mapping[int, int]
    broken: Mapping[int, int]
    p_by_seed: Mapping[int, float]
    p: float

    @property
    def images_error(self) -> float:
        """Standard error that other test images add."""
        return float(self.split.of_images**0.5)

    @property
    def mean_fixed(self) -> float:
        """Images a seed that only the point has right."""
        return sum(self.fixed.values()) / len(self.fixed)

    @property
    def mean_broken(self) -> float:
        """Images a seed that only the reference has right."""
        return sum(self.broken.values()) / len(self.broken)

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        split = self.split
        return {
            "point": self.point,
            "reference": self.reference,
            "seeds": list(self.fixed),
            "delta": self.delta,
            "delta_low": self.low,
            "delta_high": self.high,
            "delta_new_images_low": self.new_low,
            "delta_new_images_high": self.new_high,
            "standard_error": {"seeds": self.error, "images": self.images_error},
            "variance": {"image": split.image, "seed": split.seed, "rest": split.rest},
            "mcnemar_p": self.p,
            "by_seed": {
                str(seed): {
                    "fixed": self.fixed[seed],
                    "broken": self.broken[seed],
                    "mcnemar_p": self.p_by_seed[seed],
                }
                for seed in self.fixed
            },
        }


def compare(
    found: Collected, after: PointRecord, before: PointRecord, noise: StudyVariance | None
) -> Pair | None:
    """Compare two points; None where no seed has predictions of both, or of a single image."""
    mine, theirs = (found.classes.get(point.label, {}) for point in (after, before))
    seeds = sorted(mine.keys() & theirs.keys())
    if not seeds or len(found.labels) < 2:
        return None
    right, right_before = (found.right(point.label, seeds) for point in (after, before))
    scores = right.astype(np.int64) - right_before
    split = image_variance(_PERCENT * scores)
    paired, over_seeds = between(after, before, noise)
    delta = paired.mean if paired else split.mean
    low = high = new_low = new_high = error = None
    if over_seeds is not None and scores.any():
        low, high, error = over_seeds.low, over_seeds.high, over_seeds.error
        new_low, new_high = on_new_images(delta, (high - low) / 2, split)
    fixed, broken = ((sign * scores > 0).sum(0).tolist() for sign in (1, -1))
    counts = dict(zip(seeds, zip(fixed, broken, strict=True), strict=True))
    return Pair(
        point=after.label,
        reference=before.label,
        delta=delta,
        low=low,
        high=high,
        new_low=new_low,
        new_high=new_high,
        error=error,
        split=split,
        fixed={seed: count for seed, (count, _) in counts.items()},
        broken={seed: count for seed, (_, count) in counts.items()},
        p_by_seed={seed: mcnemar_p(*count) for seed, count in counts.items()},
        p=mcnemar_over_seeds_p(scores),
    )
