"""The variance of a difference, split into seeds and images: a simulated truth is found again."""

from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ablations.statistics.image_variance import ImageVariance, image_variance, on_new_images

IMAGE, SEED, REST = 1.5, 0.2, 1.0  # standard deviations of the three effects


def drawn(
    draws: np.random.Generator, *, images: int = 60, seeds: int = 4, mean: float = 0.0
) -> NDArray[np.float64]:
    """Scores (images, seeds) of the model."""
    scores: NDArray[np.float64] = (
        mean
        + IMAGE * draws.standard_normal((images, 1))
        + SEED * draws.standard_normal((1, seeds))
        + REST * draws.standard_normal((images, seeds))
    )
    return scores


def test_the_estimates_are_unbiased() -> None:
    draws = np.random.default_rng(0)
    found = [image_variance(drawn(draws, images=400, seeds=5)) for _ in range(300)]
    for name, truth in (("image", IMAGE**2), ("rest", REST**2)):
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(truth, rel=0.02)
    seeds = [one.seed or 0.0 for one in found]
    assert np.mean(seeds) == pytest.approx(SEED**2, abs=4 * float(np.std(seeds)) / sqrt(len(seeds)))


def test_on_these_images_it_is_the_variance_of_the_seeds_means() -> None:
    scores = drawn(np.random.default_rng(1))
    found = image_variance(scores)
    assert found.seed
    assert found.of_seeds == pytest.approx(scores.mean(0).var(ddof=1) / 4, rel=1e-12)
    assert found.mean == pytest.approx(scores.mean(), rel=1e-12)


def test_one_seed_has_the_images_alone() -> None:
    scores = drawn(np.random.default_rng(2), seeds=1)
    found = image_variance(scores)
    assert (found.seed, found.rest, found.of_seeds) == (None, None, None)
    assert found.of_images == pytest.approx(scores.var(ddof=1) / 60, rel=1e-12)


def test_no_difference_has_no_variance() -> None:
    assert image_variance(np.zeros((50, 3))) == ImageVariance(50, 3, 0.0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="1 test image cannot be split"):
        image_variance(np.zeros((1, 3)))


@pytest.mark.parametrize(("images", "seeds"), [(60, 4), (400, 3), (2000, 2)])
def test_the_interval_on_new_images_covers(images: int, seeds: int) -> None:
    """Each study draws its images and seeds anew; the truth is 0 over all of them."""
    draws, studies = np.random.default_rng(3), 1000
    quantile = stats.t.ppf(0.975, seeds - 1)
    whole = alone = 0
    for _ in range(studies):
        scores = drawn(draws, images=images, seeds=seeds)
        means = scores.mean(0)
        half = float(quantile * means.std(ddof=1) / sqrt(seeds))
        low, high = on_new_images(float(means.mean()), half, image_variance(scores))
        whole += low <= 0 <= high
        alone += abs(means.mean()) <= half
    assert 0.94 <= whole / studies <= 0.985
    assert alone < whole
    if images == 60:  # where the images weigh most
        assert alone / studies < 0.88


def test_without_images_the_interval_is_that_over_seeds() -> None:
    split = image_variance(np.zeros((50, 3)))
    assert on_new_images(1.0, 0.5, split) == (0.5, 1.5)
