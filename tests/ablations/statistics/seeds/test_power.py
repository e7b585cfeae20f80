"""What a number of seeds can show, against scipy's noncentral t and against simulated studies."""

from math import inf

import numpy as np
import pytest
from scipy.stats import chi2, nct
from scipy.stats import t as student

from ablations.statistics.moderated import difference, study_variance
from ablations.statistics.seeds.power import (
    Comparison,
    comparison_of,
    detected,
    power_row,
    std_interval,
)
from ablations.statistics.seeds.power_sentences import detect_sentence, noise_sentences

STUDY = Comparison(std=0.42, points=13, family=12)
KINDS = {
    "pooled": STUDY,
    "two points": Comparison(std=1.3, points=2, family=1),
    "moderated": Comparison(std=0.42, points=13, family=12, prior_degrees=5.5),
    "own variances": Comparison(std=0.42, points=13, family=12, prior_degrees=0.0),
}


@pytest.mark.parametrize("holm", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_power_is_that_of_the_noncentral_t(kind: str, holm: bool) -> None:
    compared = KINDS[kind]
    for seeds in (2, 3, 5, 8, 16):
        degrees = compared.degrees(seeds)
        level = 0.05 / compared.family if holm else 0.05
        threshold = student.isf(level / 2, degrees)
        size = compared.detectable(seeds, holm=holm) / (compared.std * (2 / seeds) ** 0.5)
        # that it is significant with the other sign is less probable than 1e-4 there
        assert nct.sf(threshold, degrees, size) == pytest.approx(0.8, abs=1e-3)


def test_degrees_are_those_of_the_interval_that_reports_take() -> None:
    draws = np.random.default_rng(0)
    for spread in (1.0, 4.0):
        stds = np.where(np.arange(6) % 2, 1.0, spread)[:, None]
        table = draws.normal(0, stds, (6, 4))
        values = {f"p{i}": dict(enumerate(map(float, row))) for i, row in enumerate(table)}
        noise = study_variance(values)
        assert noise is not None
        compared = comparison_of(noise, points=6, family=5)
        found = difference(values, "p2", "p0", noise)
        assert found is not None
        if noise.method == "pooled":
            assert found.degrees == pytest.approx(compared.degrees(4))
            assert found.high - found.mean == pytest.approx(compared.half_width(4))
        # of two points of one variance; else fewer are their own
        assert found.degrees <= compared.degrees(4) + 1e-9


@pytest.mark.parametrize(
    ("seeds", "raw", "holm"), [(2, 1.28, 1.88), (3, 1.00, 1.39), (5, 0.76, 1.03), (8, 0.60, 0.80)]
)
def test_values_of_the_published_design(seeds: int, raw: float, holm: float) -> None:
    """(t_.975 + t_.8) s sqrt(2 / n) with (k - 1)(n - 1) degrees of freedom, from tables of t."""
    compared = STUDY
    assert compared.degrees(seeds) == pytest.approx(12 * (seeds - 1))
    assert compared.detectable(seeds) == pytest.approx(raw, abs=0.006)
    assert compared.detectable(seeds, holm=True) == pytest.approx(holm, abs=0.006)


def test_simulated_studies_find_it_as_often_as_promised() -> None:
    draws, seeds, compared = np.random.default_rng(1), 3, KINDS["two points"]
    size = compared.detectable(seeds)
    table = draws.normal(0, compared.std, (4000, 2, seeds)) + np.array([[0.0], [size]])
    # of two points, what is left after points and seeds is the scatter of the paired differences
    apart = table[:, 1] - table[:, 0]
    statistic = apart.mean(1) / (apart.std(1, ddof=1) / np.sqrt(seeds))
    found = np.mean(abs(statistic) > student.isf(0.025, compared.degrees(seeds)))
    assert found == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("holm", [False, True])
@pytest.mark.parametrize("size", [0.1, 0.5, 1.0, 5.0])
def test_the_fewest_seeds_are_the_fewest(size: float, holm: bool) -> None:
    seeds = STUDY.seeds_to_detect(size, holm=holm)
    assert seeds is not None
    assert STUDY.detectable(seeds, holm=holm) <= size
    assert seeds == 2 or STUDY.detectable(seeds - 1, holm=holm) > size


def test_a_difference_beyond_all_seeds_is_said() -> None:
    found = detected(STUDY, 1e-4)
    assert (found.seeds, found.seeds_holm) == (None, None)
    assert "more than 10,000 seeds" in detect_sentence(found, STUDY)


def test_a_row_says_what_seeds_cost() -> None:
    row = power_row(STUDY, 5, seconds=10.0)
    assert (row.runs, row.seconds, row.smallest_p) == (65, 50.0, 0.0625)
    assert row.half_width < row.detectable < row.detectable_holm
    assert power_row(STUDY, 5, seconds=None).seconds is None


def test_the_interval_of_a_deviation() -> None:
    low, high = std_interval(0.42, 26)
    assert low == pytest.approx(0.42 * (26 / chi2.isf(0.025, 26)) ** 0.5)
    assert high == pytest.approx(0.42 * (26 / chi2.isf(0.975, 26)) ** 0.5)


def test_the_source_of_the_noise_is_named() -> None:
    values = {
        "a": {0: 80.0, 1: 80.6, 2: 80.1},
        "b": {0: 79.0, 1: 79.2, 2: 79.3},
        "c": {0: 70.0},
    }
    noise = study_variance(values)
    assert noise is not None
    compared = comparison_of(noise, points=3, family=2)
    assert (compared.std, compared.prior_degrees) == (noise.pooled_std, inf)
    measured, *_ = noise_sentences(compared, noise, timed=False)
    assert (
        "over the 2 points with two or more finished runs (2 degrees of freedom, without"
        in measured
    )
    given, *_ = noise_sentences(STUDY, None, timed=True)
    assert given == "Standard deviation of a run: 0.42 points, as given."
