"""Mean, std, paired t interval and binomial interval, against scipy and by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.statistics.paired import (
    binomial_half_width,
    interval_half_width,
    paired_delta,
    sample,
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
    assert (found.mean, found.low, found.high) == (1.0, None, None)
    assert paired_delta({0: 51.0}, {1: 50.0}) is None


def test_test_set_uncertainty() -> None:
    assert binomial_half_width(90.0, 10_000) == pytest.approx(100 * 1.96 * math.sqrt(0.09 / 10_000))
