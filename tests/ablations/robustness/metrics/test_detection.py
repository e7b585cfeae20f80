"""Telling images of other classes apart, by hand."""

import numpy as np
import pytest

from ablations.robustness.metrics.detection import detection

OTHERS = np.array([0.2, 0.4, 0.9], np.float32)
OWN = np.array([0.3, 0.8, 0.95], np.float32)


def test_by_hand() -> None:
    # from the least confident: other, own, other, own, other, own
    found = detection(OTHERS, OWN)
    assert found.aupr == pytest.approx(100 * (1 / 1 + 2 / 3 + 3 / 5) / 3)
    assert found.auroc == pytest.approx(100 * (3 + 2 + 1) / 9)
    assert found.fpr95 == pytest.approx(100 * 2 / 3)
    assert found.chance == 50


def test_swapped_positives_give_another_number() -> None:
    swapped = detection(OWN, OTHERS)
    assert swapped.aupr == pytest.approx(100 * (1 / 2 + 2 / 4 + 3 / 6) / 3)
    assert abs(swapped.aupr - detection(OTHERS, OWN).aupr) > 10


def test_without_any_information_it_is_chance() -> None:
    same = np.full(40, 0.5, np.float32)
    found = detection(same[:8], same)
    assert found.aupr == pytest.approx(found.chance)
    assert found.auroc == pytest.approx(50)
    assert found.fpr95 == pytest.approx(100)


def test_perfect() -> None:
    found = detection(np.array([0.1, 0.2]), np.array([0.3, 0.9, 0.8]))
    assert (found.aupr, found.auroc, found.fpr95) == (100, 100, 0)
