"""How steady answers are along a sequence of perturbed frames (arXiv 1903.12261, section 4.2).

Frames are compared with the one before, independent noise with the first, the clean image.
"""

import numpy as np
from numpy.typing import NDArray

_PLACES = 5  # that count in a ranking
FEWEST_CLASSES = 6


def flips(predicted: NDArray[np.integer], *, to_first: bool) -> NDArray[np.float64]:
    """(N,) the share of the pairs of frames in which the class changes.

    Args:
        predicted: (N, T) classes, frame by frame.
        to_first: whether each frame is compared with the first.
    """
    before = predicted[:, :1] if to_first else predicted[:, :-1]
    shares: NDArray[np.float64] = (predicted[:, 1:] != before).mean(1)
    return shares


def top5_distances(
    ranked: NDArray[np.integer], *, to_first: bool, classes: int
) -> NDArray[np.float64]:
    """(N,) mean over pairs of frames of how far the five best classes move, 0 to 15.

    For the classes at places i = 0 to 4 of the first of a pair, with places r_i in the second, the
    distance is the sum of abs(i - min(r_i, 5)).

    Args:
        ranked: (N, T, 5) classes of each frame, the best first.
        to_first: whether each frame is compared with the first.
        classes: that the networks tell apart.

    Raises:
        ValueError: networks that tell fewer than six classes apart, where nothing can leave the
            five best.
    """
    if ranked.shape[-1] < _PLACES or classes < FEWEST_CLASSES:
        raise ValueError(
            f"top-5 distance needs {FEWEST_CLASSES} classes; this network has {classes}"
        )
    before = ranked[:, :1] if to_first else ranked[:, :-1]
    found = before[..., :, None] == ranked[:, 1:, None, :]  # (N, T - 1, of before, of after)
    places = np.where(found.any(-1), found.argmax(-1), _PLACES)
    distances: NDArray[np.float64] = np.abs(places - np.arange(_PLACES)).sum(-1).mean(1)
    return distances
