"""Differences of trained networks, with the noise of all runs."""

import numpy as np
import pytest

from ablations.attribution.estimation.contrasts import networks_of
from ablations.statistics.moderated import difference, study_variance

RNG = np.random.default_rng(1)
FULL = {mask: {seed: float(RNG.normal(mask)) for seed in range(4)} for mask in range(6)}


def test_with_all_seeds_it_is_the_difference_that_reports_have() -> None:
    labels = {str(mask): by for mask, by in FULL.items()}
    noise = study_variance(labels)
    assert noise is not None
    expected = difference(labels, "3", "1", noise)
    found = networks_of(FULL).contrast({3: 1.0, 1: -1.0})
    assert found is not None
    assert expected is not None
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )
    assert found.p == pytest.approx(expected.p)


def test_a_network_of_one_seed_is_compared_without_what_the_seed_does() -> None:
    shift = {0: 0.0, 1: 10.0, 2: -20.0, 3: 5.0}
    values = {m: {s: v + shift[s] for s, v in by.items()} for m, by in FULL.items()}
    alone = {**values, 5: {2: values[5][2]}}
    found = networks_of(alone).contrast({5: 1.0, 0: -1.0})
    plain = networks_of({**FULL, 5: {2: FULL[5][2]}}).contrast({5: 1.0, 0: -1.0})
    assert found is not None
    assert plain is not None
    assert found.value == pytest.approx(plain.value)
    assert found.error == pytest.approx(plain.error)
    one, whole = plain.half_width, networks_of(FULL).contrast({5: 1.0, 0: -1.0})
    assert one is not None
    assert whole is not None
    assert one > 1.2 * (whole.half_width or 0)  # 1 run, not 4


def test_a_seed_that_only_one_network_has_is_its_own() -> None:
    values = {**FULL, 6: {9: 3.0}}
    found = networks_of(values)
    assert found.means[6] == pytest.approx(3.0)


def test_intervals_of_uneven_networks_cover() -> None:
    """A study of orders: most networks have one run, of different seeds with common effects."""
    inside = []
    for number in range(200):
        rng = np.random.default_rng(number)
        effect = rng.normal(size=3)
        seeds = {0: (0, 1, 2), 1: (0, 1, 2), 2: (0, 1, 2), **{m: (m % 3,) for m in range(3, 9)}}
        values = {m: {s: effect[s] + rng.normal() for s in own} for m, own in seeds.items()}
        found = networks_of(values).contrast({4: 1.0, 0: -1.0})
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        inside.append(found.low <= 0 <= found.high)
    assert 0.91 <= np.mean(inside) <= 0.99


def test_what_is_not_trained_has_no_contrast_and_one_run_each_no_interval() -> None:
    values = {0: {0: 1.0}, 1: {0: 2.0}}
    assert networks_of(values).contrast({2: 1.0, 0: -1.0}) is None
    found = networks_of(values).contrast({1: 1.0, 0: -1.0})
    assert found is not None
    assert (found.value, found.low, found.p) == (1.0, None, None)
    lent = networks_of(values, noise=(0.5, 20.0)).contrast({1: 1.0, 0: -1.0})
    assert lent is not None
    assert lent.error == pytest.approx(0.5 * 2**0.5)
