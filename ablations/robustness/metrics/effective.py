"""Effective robustness: accuracy under corruptions beyond what clean accuracy predicts.

The prediction is a straight line between the logits of both accuracies (Taori et al. 2020, arXiv
2007.00644), here through the other networks of the study.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_POINTS = 5
Accuracies = Mapping[str, tuple[float, float]]  # clean and corrupted, shares, by point


@dataclass(frozen=True)
class Line:
    """A line between logits: logit(corrupted) = slope * logit(clean) + intercept."""

    slope: float
    intercept: float

    def predict(self, clean: float, *, images: int) -> float:
        """The share of right answers under corruptions, of that on clean images."""
        there = self.slope * float(logit(clean, images=images)) + self.intercept
        return float(1 / (1 + np.exp(-there)))


def logit(share: float | NDArray[np.float64], *, images: int) -> NDArray[np.float64]:
    """The logit of a share of right answers; 0 and 1 are half an image away from the end."""
    half = 0.5 / images
    inside = np.clip(np.asarray(share, np.float64), half, 1 - half)
    found: NDArray[np.float64] = np.log(inside / (1 - inside))
    return found


def fit(accuracies: Accuracies, *, images: int) -> Line | None:
    """The line of least squares through points; None where two of other clean accuracy lack."""
    if len({clean for clean, _ in accuracies.values()}) < 2:
        return None
    clean, corrupted = (
        logit(np.array([pair[side] for pair in accuracies.values()]), images=images)
        for side in (0, 1)
    )
    away = clean - clean.mean()
    spread = float((away**2).sum())
    if not spread:
        return None
    slope = float((away * (corrupted - corrupted.mean())).sum()) / spread
    return Line(slope, float(corrupted.mean() - slope * clean.mean()))


def lines_without_each(accuracies: Accuracies, *, images: int) -> dict[str, Line]:
    """For each point the line through all others.

    None where fewer than `FEWEST_POINTS` points have clean accuracies of their own.
    """
    if len({clean for clean, _ in accuracies.values()}) < FEWEST_POINTS:
        return {}
    found = {
        point: fit({p: pair for p, pair in accuracies.items() if p != point}, images=images)
        for point in accuracies
    }
    return {point: line for point, line in found.items() if line is not None}
