"""Flips and ranking distances along sequences, by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ablations.robustness.metrics.sequences import flips, top5_distances

A, B = 0, 1
REST = [5, 6, 7, 8, 9]


def classes(*frames: int) -> NDArray[np.int16]:
    return np.array([frames], np.int16)


def rankings(*frames: list[int]) -> NDArray[np.int16]:
    return np.array([frames], np.int16)


def test_flips_of_neighbours_and_of_noise() -> None:
    assert flips(classes(A, B, B, A), to_first=False) == pytest.approx(2 / 3)
    assert flips(classes(A, B, B, A), to_first=True) == pytest.approx(2 / 3)
    assert flips(classes(A, B, B, B), to_first=False) == pytest.approx(1 / 3)
    assert flips(classes(A, B, B, B), to_first=True) == pytest.approx(1)


def test_flips_are_by_sequence() -> None:
    both = np.concatenate([classes(A, A, A), classes(A, B, A)])
    assert flips(both, to_first=False).tolist() == [0, 1]


def test_distances_of_rankings() -> None:
    best = [0, 1, 2, 3, 4]
    pairs = {
        (0, 1, 2, 3, 4): 0,
        (5, 6, 7, 8, 9): 15,
        (1, 0, 2, 3, 4): 2,
        (1, 2, 3, 4, 0): 8,  # the first four move by one, the fifth by four
        (5, 0, 1, 2, 3): 5,  # each moves by one, the last out of the five best
    }
    for after, distance in pairs.items():
        found = top5_distances(np.array([[best, list(after), REST]]), to_first=True, classes=10)
        assert found == pytest.approx((distance + 15) / 2), after


def test_distances_go_from_the_earlier_frame_to_the_later() -> None:
    frames = rankings([0, 1, 2, 3, 4], [5, 0, 1, 2, 3], [0, 1, 2, 3, 4])
    forth = 5  # 0 to 3 move by one, 4 from place 4 to 5
    back = 5 + 1 + 1 + 1 + 1  # 5 leaves, the others move by one
    assert top5_distances(frames, to_first=False, classes=10) == pytest.approx((forth + back) / 2)
    assert top5_distances(frames, to_first=True, classes=10) == pytest.approx(forth / 2)


def test_distances_agree_with_whole_rankings() -> None:
    """The definition of the benchmark's code, on ranks of all classes."""
    draws = np.random.default_rng(0)
    ranked = np.stack([[draws.permutation(12) for _ in range(6)] for _ in range(4)])
    capped = np.minimum(np.arange(12), 5)
    slow = []
    for sequence in ranked:
        place = np.argsort(sequence, axis=1)  # of each class
        moved = [np.abs(capped[:5] - capped[place[t + 1][sequence[t][:5]]]).sum() for t in range(5)]
        slow.append(np.mean(moved))
    assert top5_distances(ranked[:, :, :5], to_first=False, classes=12) == pytest.approx(slow)


def test_five_classes_cannot_leave_the_five_best() -> None:
    frames = rankings([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])
    message = "top-5 distance needs 6 classes; this network has 5"
    with pytest.raises(ValueError, match=message):
        top5_distances(frames, to_first=False, classes=5)
    # a network that tells more apart may still name the same five
    assert top5_distances(frames, to_first=False, classes=10) == pytest.approx(4 + 2 + 0 + 2 + 4)
