"""Permutation tests, against scipy and against what can be counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.statistics.permutation import (
    EXACT_SEEDS,
    PERMUTATIONS,
    any_difference,
    correlation_p,
    seeds_needed,
    sign_flip_p,
    smallest_p,
)


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


def test_of_two_points_any_difference_is_the_sign_flip_test() -> None:
    before = dict.fromkeys(range(6), 50.0)
    differences = [1.0, 0.5, 0.7, -0.2, 0.9, 0.4]
    after = {seed: 50 + value for seed, value in enumerate(differences)}
    found = any_difference({"before": before, "after": after})
    assert found is not None
    exact = sign_flip_p(differences)
    assert exact is not None
    assert found.p == pytest.approx(exact, abs=4 * (exact / PERMUTATIONS) ** 0.5)
    assert found.smallest == pytest.approx(smallest_p(6))


def test_any_difference_of_a_table_is_that_of_all_permutations_counted() -> None:
    # 3 points, 2 seeds: with the first seed as it is, the second has 6 orders, all told apart
    table = {"a": {0: 1.0, 1: 1.2}, "b": {0: 2.0, 1: 2.5}, "c": {0: 4.0, 1: 3.1}}
    found = any_difference(table)
    assert found is not None
    assert found.smallest == pytest.approx(1 / 6)  # the measured order agrees best
    assert found.p == pytest.approx(1 / 6, abs=0.02)


def test_any_difference_does_not_see_what_seeds_do_to_all_points() -> None:
    draws = np.random.default_rng(3)
    table = {f"p{i}": {seed: float(draws.normal(0, 0.3)) for seed in range(3)} for i in range(8)}
    shifted = {n: {s: v + 10 * s for s, v in by.items()} for n, by in table.items()}
    first, second = any_difference(table), any_difference(shifted)
    assert first is not None
    assert second is not None
    assert first.p == pytest.approx(second.p, abs=1e-3)
    assert first.p > 0.05


def test_many_points_reach_a_small_p_with_three_seeds() -> None:
    table = {f"p{i}": {seed: i + 0.1 * seed for seed in range(3)} for i in range(13)}
    found = any_difference(table)
    assert found is not None
    assert found.p == found.smallest == 1 / (PERMUTATIONS + 1)


def test_the_p_of_any_difference_is_uniform_where_there_is_none() -> None:
    draws = np.random.default_rng(0)
    found = []
    for _ in range(60):
        table = {f"p{i}": dict(enumerate(draws.normal(size=3))) for i in range(5)}
        table["p0"].pop(1)  # a run is missing
        test = any_difference(table)
        assert test is not None
        found.append(test.p)
    assert stats.kstest(found, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    "table", [{}, {"a": {0: 1.0, 1: 2.0}}, {"a": {0: 1.0}, "b": {0: 2.0}, "c": {0: 1.0, 1: 2.0}}]
)
def test_any_difference_needs_two_points_with_two_seeds(
    table: dict[str, dict[int, float]],
) -> None:
    assert any_difference(table) is None


def test_the_p_of_a_correlation_is_that_of_all_orders() -> None:
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0], [1.1, 1.9, 3.2, 3.8, 5.1]
    # the order itself and its reverse: 2 of 120
    assert correlation_p(x, y) == pytest.approx(2 / 120, abs=0.006)
