"""What is kept of logits: the answers of a network, image by image."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from ablations.robustness.conditions.arrays import (
    CONFIDENCE,
    CORRECT,
    DISTANCE,
    LOSS,
    PREDICTED,
    TOP5,
    Arrays,
)

__all__ = [
    "CONFIDENCE",
    "CORRECT",
    "DISTANCE",
    "LOSS",
    "PREDICTED",
    "TOP5",
    "NotFiniteError",
    "answers",
    "require_finite",
]


class NotFiniteError(ValueError):
    """A network's answer is NaN or infinite."""


def require_finite(logits: torch.Tensor, indices: NDArray[np.int64]) -> None:
    """Raise NotFiniteError, with the image's number, for logits `(N, ...)` that are no numbers."""
    wrong = ~torch.isfinite(logits).flatten(1).all(1)
    if wrong.any():
        first = int(indices[int(wrong.nonzero()[0])])
        raise NotFiniteError(
            f"{int(wrong.sum())} of {len(logits)} answers are NaN or infinite, first that to image "
            f"{first}"
        )


def answers(logits: torch.Tensor, labels: NDArray[np.int64], indices: NDArray[np.int64]) -> Arrays:
    """What is kept of logits `(N, K)`: class int16, right or not, confidence, cross-entropy (N,).

    Raises:
        NotFiniteError: one of them is no number.
    """
    require_finite(logits, indices)
    logits = logits.detach().float().cpu()
    predicted = logits.argmax(1)
    targets = torch.from_numpy(np.asarray(labels, np.int64))
    return {
        PREDICTED: predicted.numpy().astype(np.int16),
        CORRECT: (predicted == targets).numpy(),
        CONFIDENCE: logits.softmax(1).amax(1).numpy(),
        LOSS: cross_entropy(logits, targets, reduction="none").numpy(),
    }
