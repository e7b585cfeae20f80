"""What is said of the statistics of a study, for studies whose numbers are known."""

from dataclasses import replace
from math import inf

import pytest

from ablations.statistics.agreement import Agreement
from ablations.statistics.moderated import StudyVariance
from ablations.statistics.permutation import PermutationTest
from ablations.statistics.sentences import (
    agreement_sentence,
    any_difference_sentence,
    comparisons_sentence,
    images_sentence,
    noise_sentence,
    pairing_sentence,
    seeds_sentence,
)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (0, "No seed is finished"),
        (1, "no interval and no test"),
        (3, "is 0.25, so no permutation test of it can reach p ≤ 0.05"),
        (5, "is 0.0625, so no permutation test of it can reach"),
        (6, "is 0.0312, so a permutation test of it can reach p ≤ 0.05: only if every seed agrees"),
        (
            7,
            "is 0.0156, so a permutation test of it can reach p ≤ 0.05: surely if every seed",
        ),
        (41, "test (100,000 random patterns of signs) of one difference is 1e-05, so a"),
    ],
)
def test_sentence_says_what_the_seeds_can_show(seeds: int, words: str) -> None:
    assert words in seeds_sentence(seeds)
    assert ("6 " in seeds_sentence(seeds)) == (0 < seeds <= 6)


def test_sentence_on_many_intervals() -> None:
    assert comparisons_sentence(1, ["a"]) == ""
    assert "The 12 intervals" in comparisons_sentence(12, [])
    assert f"{100 * (1 - 0.95**12):.0f} %" in comparisons_sentence(12, [])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "No difference stands"),
        (["width"], "1 of 3 stands after it: width."),
        (["width", "GELU"], "2 of 3 stand after it: width, GELU."),
        (["width", "GELU", "norm"], "Every difference stands"),
        (["width"] * 13, "13 of 20 stand after it."),
    ],
)
def test_sentence_names_what_stands_after_the_correction(found: list[str], words: str) -> None:
    assert words in comparisons_sentence(20 if len(found) > 3 else 3, found)


def test_test_set_uncertainty() -> None:
    assert "±0.59 points" in images_sentence(90.0, 10_000)


NOISE = StudyVariance(
    points={"a": (0.1, 2.0), "b": (0.1, 2.0), "c": (0.1, 4.0)},
    pooled_std=0.316,
    pooled_degrees=4,
    prior_degrees=inf,
    equal_p=0.36,
    seed_p=0.4,
    correlation=-0.004,
    paired=True,
    lone=("c",),
)


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (NOISE, "standard deviation is 0.32 points, from the seeds of 2 networks (4 degrees of"),
        (NOISE, "do not differ more than chance makes them (Bartlett's p = 0.36): every interval"),
        (NOISE, "1 network has one run and is given the common variance"),
        (replace(NOISE, prior_degrees=7.04), "which counts as 7.0 degrees of freedom beside"),
        (replace(NOISE, prior_degrees=0.0, equal_p=0.003), "(Bartlett's p = 0.003), below 0.01: e"),
        (replace(NOISE, equal_p=None), "Every interval is from this common variance."),
    ],
)
def test_sentence_says_whose_noise_an_interval_is(noise: StudyVariance, words: str) -> None:
    assert words in noise_sentence(noise)


def test_what_pairing_bought_is_said_as_it_was_measured() -> None:
    assert "correlate by \N{MINUS SIGN}0.00, which does not make" in pairing_sentence(NOISE)
    saved = pairing_sentence(replace(NOISE, correlation=0.25, seed_p=0.01))
    assert "by +0.25, which makes the variance of a difference 25 % smaller" in saved
    assert pairing_sentence(replace(NOISE, correlation=None, seed_p=None)) == ""


def test_sentence_on_any_difference() -> None:
    none = any_difference_sentence(PermutationTest(0.4, 1 / 10_001), 13)
    some = any_difference_sentence(PermutationTest(1 / 10_001, 1 / 10_001), 13)
    assert "between 13 networks with two runs or more: the runs are as they could be if" in none
    assert "they are not all the same (p = 0.0001" in some


def test_sentence_on_what_was_published() -> None:
    found = Agreement(12, 9, 0.61, 0.03, -0.5, 0.1)
    said = agreement_sentence(found, Agreement(13, 13, 0.1, 0.7, -0.76, 0.004))
    assert "9 of 12 differences have the published sign (Pearson's r = +0.61, p = 0.03" in said
    assert "the 13 accuracies rank with the published ones by Spearman's \N{MINUS SIGN}0.76" in said
    assert "accuracies" not in agreement_sentence(found, None)
    to_one = agreement_sentence(found, None, reference="ResNet-50")
    assert "9 of 12 differences to ResNet-50 have the published sign" in to_one
    assert agreement_sentence(None, None) == ""
