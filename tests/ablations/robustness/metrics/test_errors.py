"""Metrics of error rates, by hand and beside published numbers."""

import numpy as np
import pytest

from ablations.robustness.metrics.alexnet import CLEAN_ERROR, alexnet_errors
from ablations.robustness.metrics.errors import (
    mean_ce,
    mean_corrupted_error,
    not_harder,
    ratio_of_sums,
    relative_mean_ce,
    retained_accuracy,
    too_easy,
)
from datamodules.corruptions.names import CORRUPTIONS

MINE = {"fog": np.array([0.2, 0.4]), "snow": np.array([0.3, 0.9])}
THEIRS = {"fog": np.array([0.1, 0.2]), "snow": np.array([0.5, 0.7])}
# Top-1 over the five severities and CE of torchvision's first weights of a ResNet-50, from a public
# log of an evaluation on ImageNet-C's files.
RESNET50 = {
    "brightness": (68.02, 56.64),
    "contrast": (39.06, 71.43),
    "defocus_blur": (38.75, 74.71),
    "elastic_transform": (45.25, 84.75),
    "fog": (45.83, 66.11),
    "frost": (38.14, 74.84),
    "gaussian_noise": (29.29, 79.77),
    "glass_blur": (26.79, 88.61),
    "impulse_noise": (23.81, 82.58),
}


def test_mean_corrupted_error_is_divided_by_nothing() -> None:
    assert mean_corrupted_error(MINE) == pytest.approx(100 * (0.3 + 0.6) / 2)


def test_errors_are_summed_before_they_are_divided() -> None:
    by_hand = 100 * ((0.6 / 0.3) + (1.2 / 1.2)) / 2
    assert mean_ce(MINE, THEIRS) == pytest.approx(by_hand)
    ratios_first = 100 * np.mean([0.2 / 0.1, 0.4 / 0.2, 0.3 / 0.5, 0.9 / 0.7])
    assert abs(by_hand - ratios_first) > 1
    assert mean_ce(THEIRS, THEIRS) == 100


def test_the_reference_says_which_corruptions_count() -> None:
    assert mean_ce(MINE, {"fog": THEIRS["fog"]}) == pytest.approx(200)
    assert ratio_of_sums(MINE, {"fog": THEIRS["fog"]}) == pytest.approx(200)


def test_the_ratio_of_sums_weighs_corruptions_by_their_errors() -> None:
    assert ratio_of_sums(MINE, THEIRS) == pytest.approx(100 * 1.8 / 1.5)


def test_relative_errors_are_beyond_the_clean_ones() -> None:
    by_hand = 100 * ((0.6 - 0.2) / (0.3 - 0.1) + (1.2 - 0.2) / (1.2 - 0.1)) / 2
    found = relative_mean_ce(MINE, 0.1, THEIRS, 0.05)
    assert found == pytest.approx(by_hand)


def test_retained_accuracy() -> None:
    assert retained_accuracy(MINE, 0.1) == pytest.approx(100 * 0.55 / 0.9)
    assert retained_accuracy({"fog": np.array([0.1, 0.1])}, 0.1) == pytest.approx(100)
    with pytest.raises(ValueError, match="nothing to retain"):
        retained_accuracy(MINE, 1.0)


def test_what_is_too_easy_to_divide_by() -> None:
    errors = {"fog": np.array([0.01, 0.08]), "snow": np.array([0.02, 0.08])}
    assert too_easy(errors, images=100) == {"fog": 9}
    assert not_harder(errors, 0.045) == ("fog",)


@pytest.mark.parametrize("name", RESNET50)
def test_a_published_resnet50(name: str) -> None:
    top1, ce = RESNET50[name]
    errors = {name: np.full(5, 1 - top1 / 100)}
    assert mean_ce(errors, {name: alexnet_errors()[name]}) == pytest.approx(ce, abs=0.011)


def test_alexnet_has_every_corruption_at_five_severities() -> None:
    errors = alexnet_errors()
    assert tuple(errors) == CORRUPTIONS
    assert {len(of) for of in errors.values()} == {5}
    assert mean_ce(errors, errors) == 100
    assert relative_mean_ce(errors, CLEAN_ERROR, errors, CLEAN_ERROR) == pytest.approx(100)
