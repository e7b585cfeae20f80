"""The regression on games whose values are known: exact, better than means, honest of itself."""

from itertools import combinations

import numpy as np
import pytest
from scipy.special import stdtrit

from ablations.attribution.estimation.marginals import marginal_means
from ablations.attribution.estimation.regression import Fit, Runs, confounded, fit, runs_of
from ablations.attribution.estimation.weights import ShapleyWeights, shapley_weights
from lit_models.steps.lattice import Lattice, prefixes
from tests.support.games import Game, drawn_orders, random_game

# Eight players, of which 5 needs 2: as the trajectory, and quicker
PLAYERS, NEEDS = 8, [(5, 2)]
LATTICE = Lattice(
    tuple((name,) for name in "abcdefgh"),
    frozenset(mask for mask in range(1 << 8) if mask >> 2 & 1 or not mask >> 5 & 1),
)
WEIGHTS: ShapleyWeights = shapley_weights(LATTICE)
Values = dict[int, dict[int, float]]


def played(game: Game, *, units: int, seeds: int = 3, number: int = 0) -> Values:
    """A study of orders: a unit's sets have one seed, start and end all; new noise by `number`."""
    values: Values = {mask: {} for mask in (0, LATTICE.full)}
    for k, order in enumerate(drawn_orders(LATTICE, units)):
        for mask in prefixes(order):
            values.setdefault(mask, {})[k // 2 % seeds] = 0.0
    for mask in (0, LATTICE.full):
        values[mask] = dict.fromkeys(range(seeds), 0.0)
    return {
        mask: {seed: game.run(mask, seed + 1000 * number) for seed in by}
        for mask, by in values.items()
    }


def exact(game: Game) -> np.ndarray:
    return np.asarray(WEIGHTS.matrix @ [game(mask) for mask in WEIGHTS.masks])


def values_of(model: Fit) -> np.ndarray:
    """Values and standard errors of all players, (players, 2)."""
    return np.array([model.value(row, WEIGHTS.masks) for row in WEIGHTS.matrix])


def test_a_quadratic_game_without_noise_is_recovered() -> None:
    game = random_game(PLAYERS, 1, noise=0.0)
    model = fit(runs_of({mask: {0: game(mask)} for mask in LATTICE.legal}), PLAYERS)
    assert values_of(model)[:, 0] == pytest.approx(exact(game), abs=1e-6)
    assert model.noise_std < 1e-4
    pairs = dict(zip(model.pairs, model.coefficients[1 + PLAYERS :], strict=True))
    for pair in set(combinations(range(PLAYERS), 2)) - {(2, 5)}:
        assert pairs[pair] == pytest.approx(game.effects[pair], abs=1e-5)


def test_an_additive_game_needs_no_pairs() -> None:
    game = random_game(PLAYERS, 2, pairs=0.0, noise=0.4)
    model = fit(runs_of(played(game, units=4)), PLAYERS, precedence=NEEDS)
    assert model.pair_std < 0.15
    assert model.noise_std == pytest.approx(0.4, rel=0.3)


def test_it_is_nearer_than_marginal_means_from_the_same_runs() -> None:
    by_model, by_means = [], []
    for number in range(40):
        game = random_game(PLAYERS, number)
        values = played(game, units=4)
        model = fit(runs_of(values), PLAYERS, precedence=NEEDS)
        by_model.append(values_of(model)[:, 0] - exact(game))
        means = {mask: float(np.mean(list(by.values()))) for mask, by in values.items()}
        marginals = marginal_means(LATTICE, drawn_orders(LATTICE, 4), means)
        assert marginals is not None
        by_means.append([one.value for one in marginals.values] - exact(game))
    assert np.square(by_model).mean() < np.square(by_means).mean()


def test_its_intervals_cover() -> None:
    inside = []
    for number in range(40):
        game = random_game(PLAYERS, number)
        model = fit(runs_of(played(game, units=4, number=number)), PLAYERS, precedence=NEEDS)
        found = values_of(model)
        half = stdtrit(model.degrees, 0.975) * found[:, 1]
        inside.append(np.abs(found[:, 0] - exact(game)) <= half)
    assert 0.91 <= np.mean(inside) <= 0.985  # 320 intervals of nominal 95 %


@pytest.mark.parametrize(("triple", "lacks"), [(3.0, True), (0.0, False)])
def test_lack_of_fit_is_an_effect_of_three(triple: float, *, lacks: bool) -> None:
    game = random_game(PLAYERS, 3)
    game = Game(effects={**game.effects, (0, 3, 6): triple}, noise=0.4)
    values = {m: {s: game.run(m, s) for s in (0, 1)} for m in played(game, units=4)}
    test = fit(runs_of(values), PLAYERS, precedence=NEEDS).lack_of_fit
    assert test is not None
    assert (test.p < 0.001) is lacks
    assert lacks or test.p > 0.05


def test_without_two_seeds_of_a_network_nothing_says_whether_it_fits() -> None:
    game = random_game(PLAYERS, 4)
    values = {mask: {0: game.run(mask, 0)} for mask in played(game, units=4)}
    assert fit(runs_of(values), PLAYERS, precedence=NEEDS).lack_of_fit is None


def test_what_a_seed_does_to_all_networks_is_no_effect_of_a_step() -> None:
    game = random_game(PLAYERS, 5)
    values = played(game, units=4)
    moved = {m: {s: v + 50.0 * s for s, v in by.items()} for m, by in values.items()}
    plain, shifted = (fit(runs_of(v), PLAYERS, precedence=NEEDS) for v in (values, moved))
    assert values_of(shifted) == pytest.approx(values_of(plain), abs=1e-6)


def test_seeds_that_cannot_be_told_from_a_step_are_noise() -> None:
    game = random_game(PLAYERS, 6)
    values = {mask: {mask & 1: game.run(mask, mask & 1)} for mask in LATTICE.legal}
    model = fit(runs_of(values), PLAYERS, precedence=NEEDS)
    assert values_of(model)[:, 0] == pytest.approx(exact(game), abs=0.5)


def test_steps_that_runs_do_not_tell_apart_are_named() -> None:
    masks = [0, 0b011, 0b100, 0b111]
    assert confounded(masks, 3) == (0, 1)
    assert confounded([0, 1, 2, 4], 3) == ()
    with pytest.raises(ValueError, match=r"effects of players \(0, 1\)"):
        fit(runs_of({mask: {0: 1.0} for mask in masks}), 3)


def test_pairs_that_seem_to_be_none_are_not_none_for_certain() -> None:
    """With their variance at 0 every pair would be 0 +- 0: in 20 games without pairs none is."""
    inside = []
    for number in range(20):
        game = random_game(PLAYERS, number, pairs=0.0)
        model = fit(runs_of(played(game, units=4, number=number)), PLAYERS, precedence=NEEDS)
        errors = np.sqrt(np.diag(model.covariance))[1 + PLAYERS :]
        assert errors.min() > 0.01
        inside.append(np.abs(model.coefficients[1 + PLAYERS :]) < 2 * errors)
    assert np.mean(inside) > 0.95


def test_seeds_that_leave_no_degrees_of_freedom_do_not_make_noise_vanish() -> None:
    """As many runs as main effects and seeds: nothing would be over, and no error left."""
    masks, rng = (0, 1, 2, 4, 7, 3), np.random.default_rng(0)
    values = tuple(70 + mask + float(rng.normal()) for mask in masks)
    found = fit(Runs(masks, (0, 1, 2, 0, 1, 2), values), 3)
    assert found.degrees == 2
    assert found.noise_std > 0.1
