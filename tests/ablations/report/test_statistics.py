"""Statistics against scipy, and against what can be counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.statistics.paired import (
    EXACT_SEEDS,
    binomial_half_width,
    comparisons_sentence,
    images_sentence,
    interval_half_width,
    paired_delta,
    sample,
    seeds_needed,
    seeds_sentence,
    sign_flip_p,
    smallest_p,
)

ACCURACY = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 2))


def test_sample_uses_the_unbiased_variance() -> None:
    found = sample([80.0, 81.0, 83.0])
    assert found.mean == pytest.approx(81.333333)
    assert found.std == pytest.approx(1.527525)


def test_one_value_has_a_mean_and_no_std() -> None:
    assert (sample([80.0]).mean, sample([80.0]).std) == (80.0, None)
    assert (sample([]).mean, sample([]).std) == (None, None)


@given(st.lists(ACCURACY, min_size=2, max_size=8))
def test_interval_is_that_of_scipy(values: list[float]) -> None:
    found = sample(values)
    half = interval_half_width(found)
    error = stats.sem(values)
    assert half == pytest.approx(stats.t.ppf(0.975, len(values) - 1) * error, abs=1e-9)


def test_delta_is_paired_by_seed_and_uses_only_seeds_on_both_sides() -> None:
    before = {0: 50.0, 1: 60.0, 2: 70.0, 7: 99.0}
    after = {0: 51.0, 1: 61.5, 2: 70.5, 3: 0.0}
    found = paired_delta(after, before)
    assert found is not None
    assert found.seeds == (0, 1, 2)
    assert found.mean == pytest.approx(1.0)
    reference = stats.ttest_rel([51.0, 61.5, 70.5], [50.0, 60.0, 70.0]).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))


def test_pairing_removes_what_seeds_share() -> None:
    # Seeds differ by tens of points, every difference is 1: an unpaired interval would be huge.
    before = {seed: 10.0 * seed for seed in range(4)}
    found = paired_delta({seed: value + 1 for seed, value in before.items()}, before)
    assert found is not None
    assert (found.low, found.high) == (1.0, 1.0)


def test_one_seed_gives_no_interval_and_no_seed_no_delta() -> None:
    found = paired_delta({0: 51.0}, {0: 50.0})
    assert found is not None
    assert (found.mean, found.low, found.high, found.p) == (1.0, None, None, None)
    assert paired_delta({0: 51.0}, {1: 50.0}) is None


def test_sign_flip_p_by_hand() -> None:
    # |1 + 2 + 3| = 6 is reached by +++ and --- only: 2 of 8.
    assert sign_flip_p([1.0, 2.0, 3.0]) == 0.25
    # |1 - 2 + 3| = 2: of the 8 sums +-6, +-4, +-2, 0, 0, six are at least 2 in size.
    assert sign_flip_p([1.0, -2.0, 3.0]) == 0.75
    assert sign_flip_p([]) is None
    assert sign_flip_p([0.0, 0.0]) == 1.0


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=7))
def test_sign_flip_p_is_that_of_scipy(differences: list[float]) -> None:
    rounded = np.round(differences, 3)
    reference = stats.permutation_test(
        (rounded,),
        lambda x, axis: np.round(np.sum(x, axis=axis), 6),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    expected = min(1.0, reference.pvalue)
    assert sign_flip_p(list(rounded)) == pytest.approx(expected)


def test_one_small_difference_against_seven_large_ones_is_significant() -> None:
    # only ++++++++ and the pattern itself reach its sum, and both with all signs turned: 4 of 256
    assert sign_flip_p([1.0] * 7 + [-0.1]) == 4 / 256
    # 6 seeds need all signs alike: with the smallest one turned it is 4 of 64
    assert sign_flip_p([1.0] * 5 + [-0.1]) == 4 / 64 > 0.05


def test_many_seeds_have_an_exact_p_too() -> None:
    # 20 equal differences, 5 of them turned: as many as a binomial of 20 has beyond 15 and 5
    differences = [1.0] * 15 + [-1.0] * 5
    expected = stats.binomtest(15, 20).pvalue
    assert sign_flip_p(differences) == pytest.approx(expected, rel=1e-12)
    assert sign_flip_p([1.0] * EXACT_SEEDS) == smallest_p(EXACT_SEEDS) == 2.0 ** (1 - EXACT_SEEDS)


def test_very_many_seeds_have_a_p_of_random_patterns_that_is_always_the_same() -> None:
    differences = [1.0] * 26 + [-1.0] * 16
    found = sign_flip_p(differences)
    assert found == pytest.approx(stats.binomtest(26, 42).pvalue, abs=0.005)
    assert found == sign_flip_p(differences)
    assert sign_flip_p([1.0] * 42) == smallest_p(42) == 1 / 100_001


@pytest.mark.parametrize(("seeds", "p"), [(1, 1.0), (2, 0.5), (3, 0.25), (5, 0.0625), (6, 0.03125)])
def test_smallest_p_is_what_agreeing_signs_give(seeds: int, p: float) -> None:
    assert smallest_p(seeds) == p
    assert sign_flip_p([0.5] * seeds) == p


def test_seeds_needed_is_the_first_number_that_can_reach_the_level() -> None:
    assert seeds_needed() == 6
    assert smallest_p(seeds_needed()) <= 0.05 < smallest_p(seeds_needed() - 1)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (0, "No seed is finished"),
        (1, "no interval and no test"),
        (3, "is 0.25, so no permutation test can reach p ≤ 0.05"),
        (5, "is 0.0625, so no permutation test can reach"),
        (6, "is 0.0312, so a permutation test can reach p ≤ 0.05: only if every seed agrees"),
        (7, "is 0.0156, so a permutation test can reach p ≤ 0.05: surely if every seed agrees"),
        (41, "test (100,000 random patterns of signs) is 1e-05, so a permutation test can"),
    ],
)
def test_sentence_says_what_the_seeds_can_show(seeds: int, words: str) -> None:
    assert words in seeds_sentence(seeds)
    assert ("6 " in seeds_sentence(seeds)) == (0 < seeds <= 6)


def test_sentence_on_many_intervals() -> None:
    assert comparisons_sentence(1) == ""
    assert "The 12 intervals" in comparisons_sentence(12)
    assert f"{100 * (1 - 0.95**12):.0f} %" in comparisons_sentence(12)


def test_test_set_uncertainty() -> None:
    assert binomial_half_width(90.0, 10_000) == pytest.approx(100 * 1.96 * math.sqrt(0.09 / 10_000))
    assert "±0.59 points" in images_sentence(90.0, 10_000)
