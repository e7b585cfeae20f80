"""The values of all legal sets by regression: main effects and shrunk pairs over all finished runs.

`y = constant + main effects + pairs + seed + noise`. The pairs are random with one common variance,
estimated by restricted maximum likelihood, so that few runs shrink them and many do not; main
effects, the constant and the seeds are fixed. Every number that is linear in the values (a Shapley
value, an interaction) comes with the variance of its prediction (Henderson 1975), which holds the
noise of the runs and what few runs leave open about the pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LOG_RATIO = (-12.0, 6.0)  # where log(variance of pairs / variance of noise) is looked for


@dataclass(frozen=True)
class Runs:
    """Finished runs: the set of players of each, its seed, and its value."""

    masks: tuple[int, ...]
    seeds: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Fit:
    """A fitted model: coefficients of `features`, their covariance, and how well it fits."""

    players: int
    pairs: tuple[tuple[int, int], ...]
    coefficients: Array  # (1 + players + pairs,)
    covariance: Array  # of the coefficients, errors of prediction for the pairs
    noise_std: float  # of one run
    pair_std: float
    degrees: float  # of freedom of the noise
    lack_of_fit_p: float | None  # None where no network has two seeds

    def value(self, weights: Array, masks: Sequence[int]) -> tuple[float, float]:
        """A linear map of the values of `masks` and its standard error."""
        along = weights @ features(masks, self.players, self.pairs)
        return float(along @ self.coefficients), float(np.sqrt(along @ self.covariance @ along))


def features(masks: Sequence[int], players: int, pairs: Sequence[tuple[int, int]]) -> Array:
    """One row a set: the constant, whether each player is in it, whether each pair is."""
    on = np.array([[mask >> player & 1 for player in range(players)] for mask in masks], float)
    both = [on[:, i] * on[:, j] for i, j in pairs]
    return np.column_stack([np.ones(len(masks)), on, *both])


def fit(runs: Runs, players: int, *, precedence: Sequence[tuple[int, int]] = ()) -> Fit:
    """The model of finished runs.

    `precedence` holds pairs of which one player needs the other: they have no effect of the pair
    that could be told from the later one's.

    Raises ValueError where the runs do not tell the main effects apart, naming a player.
    """
    needless = {tuple(sorted(pair)) for pair in precedence}
    pairs = tuple(p for p in combinations(range(players), 2) if p not in needless)
    every = features(runs.masks, players, pairs)
    fixed = np.column_stack([every[:, : 1 + players], _seed_columns(runs.seeds)])
    _check_rank(fixed[:, : 1 + players], players)
    y = np.array(runs.values)
    random = every[:, 1 + players :]
    ratio = _best_ratio(y, fixed, random)
    solution, inverse, noise, degrees = _mixed(y, fixed, random, ratio)
    seeds = fixed.shape[1] - 1 - players
    kept = [*range(1 + players), *range(1 + players + seeds, len(solution))]
    return Fit(
        players,
        pairs,
        solution[kept],
        noise * inverse[np.ix_(kept, kept)],
        float(np.sqrt(noise)),
        float(np.sqrt(noise * ratio)),
        degrees,
        _lack_of_fit(runs, fixed, random, ratio, solution),
    )


def _seed_columns(seeds: Sequence[int]) -> Array:
    """Effects of the seeds but the first, which sum to nothing over the seeds."""
    names = sorted(set(seeds))
    index = [names.index(seed) for seed in seeds]
    return (np.eye(len(names)) - 1 / len(names))[index][:, 1:]


def _check_rank(fixed: Array, players: int) -> None:
    for player in range(players):
        rest = np.delete(fixed, 1 + player, axis=1)
        if np.linalg.matrix_rank(fixed) == np.linalg.matrix_rank(rest):
            raise ValueError(f"player {player}")


def _best_ratio(y: Array, fixed: Array, random: Array) -> float:
    """Variance of the pairs over that of the noise, by restricted maximum likelihood."""
    from scipy.optimize import minimize_scalar

    if random.shape[1] == 0 or len(y) <= fixed.shape[1] + 1:
        return 0.0
    # in the space that the fixed effects leave, with the pairs' part made diagonal
    base, _ = np.linalg.qr(fixed)
    left = np.linalg.svd(np.eye(len(y)) - base @ base.T)[0][:, : len(y) - base.shape[1]]
    values, vectors = np.linalg.eigh(left.T @ random @ random.T @ left)
    squares = (vectors.T @ left.T @ y) ** 2
    values = np.clip(values, 0, None)

    def loss(log_ratio: float) -> float:
        scales = 1 + np.exp(log_ratio) * values
        variance = np.mean(squares / scales)
        return float(len(squares) * np.log(variance + 1e-300) + np.log(scales).sum())

    found = minimize_scalar(loss, bounds=_LOG_RATIO, method="bounded")
    at_zero = float(len(squares) * np.log(np.mean(squares) + 1e-300))
    return 0.0 if at_zero <= found.fun else float(np.exp(found.x))


def _mixed(
    y: Array, fixed: Array, random: Array, ratio: float
) -> tuple[Array, Array, float, float]:
    """Solution and inverse of the mixed model's equations, variance of the noise and its df."""
    both = np.column_stack([fixed, random])
    penalty = np.zeros(both.shape[1])
    penalty[fixed.shape[1] :] = 1 / max(ratio, 1e-9)
    inverse = np.linalg.pinv(both.T @ both + np.diag(penalty), hermitian=True)
    solution = inverse @ both.T @ y
    degrees = max(len(y) - fixed.shape[1], 1)
    # REML: y'(y - fit) over the degrees that the fixed effects leave
    noise = max(float(y @ (y - both @ solution)) / degrees, 0.0)
    return solution, np.asarray(inverse, np.float64), noise, float(degrees)


def _lack_of_fit(
    runs: Runs, fixed: Array, random: Array, ratio: float, solution: Array
) -> float | None:
    """The p of an F test of the model's misfit of networks against seeds of one network."""
    from scipy.special import fdtrc

    y = np.array(runs.values)
    names = sorted(set(runs.masks))
    member = np.eye(len(names))[[names.index(mask) for mask in runs.masks]]
    seeds = fixed[:, fixed.shape[1] - len(set(runs.seeds)) + 1 :]
    cells = np.column_stack([member, seeds])
    pure = y - cells @ np.linalg.lstsq(cells, y, rcond=None)[0]
    pure_df = len(y) - np.linalg.matrix_rank(cells)
    both = np.column_stack([fixed, random])
    penalty = np.r_[np.zeros(fixed.shape[1]), np.full(random.shape[1], 1 / max(ratio, 1e-9))]
    hat = both @ np.linalg.pinv(both.T @ both + np.diag(penalty), hermitian=True) @ both.T
    misfit_df = len(y) - np.trace(hat) - pure_df
    if pure_df < 1 or misfit_df < 1:
        return None
    residual = y - both @ solution
    misfit = (residual @ residual - pure @ pure) / misfit_df
    return float(fdtrc(misfit_df, pure_df, max(misfit, 0.0) / (pure @ pure / pure_df)))


def runs_of(values: Mapping[int, Mapping[int, float]]) -> Runs:
    """Set -> seed -> value as rows."""
    rows = [(mask, seed, v) for mask, by in values.items() for seed, v in by.items()]
    masks, seeds, found = zip(*rows, strict=True)
    return Runs(masks, seeds, found)
