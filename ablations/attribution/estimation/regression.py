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
# Where log(variance of pairs / variance of noise) is looked for: from none to games without noise
_LOG_RATIOS = np.linspace(-12.0, 26.0, 77)
_ROUNDING = 1e-12  # relative to the values


@dataclass(frozen=True)
class Runs:
    """Finished runs: the set of players of each, its seed, and its value."""

    masks: tuple[int, ...]
    seeds: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class LackOfFit:
    """The F test of what the model misses, against runs of one network with several seeds."""

    p: float
    degrees: float  # of freedom of what the model misses
    pure_degrees: int  # of what runs of one network differ by


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
    lack_of_fit: LackOfFit | None  # None where no network has two seeds that differ

    def value(self, weights: Array, masks: Sequence[int]) -> tuple[float, float]:
        """A linear map of the values of `masks` and its standard error."""
        along = weights @ features(masks, self.players, self.pairs)
        variance = max(float(along @ self.covariance @ along), 0.0)
        return float(along @ self.coefficients), float(np.sqrt(variance))


def features(masks: Sequence[int], players: int, pairs: Sequence[tuple[int, int]]) -> Array:
    """One row a set: the constant, whether each player is in it, whether each pair is."""
    on = np.array([[mask >> player & 1 for player in range(players)] for mask in masks], float)
    both = [on[:, i] * on[:, j] for i, j in pairs]
    return np.column_stack([np.ones(len(masks)), on, *both])


def confounded(masks: Sequence[int], players: int) -> tuple[int, ...]:
    """The players whose main effects these sets do not tell from the others'."""
    main = features(sorted(set(masks)), players, ())
    rank = np.linalg.matrix_rank(main)
    rests = (np.delete(main, 1 + player, axis=1) for player in range(players))
    return tuple(p for p, rest in enumerate(rests) if np.linalg.matrix_rank(rest) == rank)


def fit(runs: Runs, players: int, *, precedence: Sequence[tuple[int, int]] = ()) -> Fit:
    """The model of finished runs.

    `precedence` holds pairs of which one player needs the other: they have no effect of the pair
    that could be told from the later one's.

    Raises ValueError where the runs do not tell the main effects apart, see `confounded`.
    """
    if unclear := confounded(runs.masks, players):
        raise ValueError(f"the runs do not tell the effects of players {unclear} apart")
    needless = {tuple(sorted(pair)) for pair in precedence}
    pairs = tuple(p for p in combinations(range(players), 2) if p not in needless)
    every = features(runs.masks, players, pairs)
    fixed, random = _with_seeds(every[:, : 1 + players], runs.seeds), every[:, 1 + players :]
    y = np.array(runs.values)
    ratio = _best_ratio(y, fixed, random)
    solved = _solve(y, fixed, random, ratio)
    kept = [*range(1 + players), *range(fixed.shape[1], fixed.shape[1] + len(pairs))]
    variance = solved.noise**2
    return Fit(
        players,
        pairs,
        solved.solution[kept],
        variance * solved.inverse[np.ix_(kept, kept)],
        solved.noise,
        solved.noise * float(np.sqrt(ratio)),
        solved.degrees,
        _lack_of_fit(runs, solved),
    )


def _with_seeds(main: Array, seeds: Sequence[int]) -> Array:
    """Main effects, and those of the seeds but the first, which sum to nothing over the seeds.

    Without the seeds' where they cannot be told from the main effects.
    """
    names = sorted(set(seeds))
    index = [names.index(seed) for seed in seeds]
    both = np.column_stack([main, (np.eye(len(names)) - 1 / len(names))[index][:, 1:]])
    return both if np.linalg.matrix_rank(both) == both.shape[1] else main


def _best_ratio(y: Array, fixed: Array, random: Array) -> float:
    """Variance of the pairs over that of the noise, by restricted maximum likelihood."""
    from scipy.optimize import minimize_scalar

    if random.shape[1] == 0 or len(y) <= fixed.shape[1] + 1:
        return 0.0
    # in the space that the fixed effects leave, with the pairs' part made diagonal
    left = np.linalg.qr(fixed, mode="complete")[0][:, fixed.shape[1] :]
    values, vectors = np.linalg.eigh(left.T @ random @ random.T @ left)
    squares = (vectors.T @ left.T @ y) ** 2
    values = np.clip(values, 0, None)
    if not squares.sum():
        return 0.0

    def loss(log_ratio: float) -> float:
        scales = 1 + np.exp(log_ratio) * values
        variance = np.mean(squares / scales)
        return float(len(squares) * np.log(variance) + np.log(scales).sum())

    losses = [loss(x) for x in _LOG_RATIOS]
    best = int(np.argmin(losses))
    around = _LOG_RATIOS[max(best - 1, 0)], _LOG_RATIOS[min(best + 1, len(losses) - 1)]
    found = minimize_scalar(loss, bounds=around, method="bounded")
    at_zero = float(len(squares) * np.log(np.mean(squares)))
    return 0.0 if at_zero <= found.fun else float(np.exp(found.x))


@dataclass(frozen=True)
class _Solved:
    """Henderson's equations: coefficients, their covariance in units of the noise's variance."""

    solution: Array
    inverse: Array
    fitted: Array
    noise: float  # standard deviation of one run
    degrees: float
    fixed: Array
    trace: float  # of the map from the values to the fitted ones: effective coefficients


def _solve(y: Array, fixed: Array, random: Array, ratio: float) -> _Solved:
    scale = np.concatenate([np.ones(fixed.shape[1]), np.full(random.shape[1], np.sqrt(ratio))])
    both = np.column_stack([fixed, random]) * scale
    # as least squares with one row more for each pair: squares would halve the digits
    penalty = np.eye(both.shape[1])[fixed.shape[1] :]
    stacked = np.vstack([both, penalty])
    pseudo = np.linalg.pinv(stacked)
    solution = pseudo @ np.concatenate([y, np.zeros(len(penalty))])
    fitted = both @ solution
    degrees = len(y) - fixed.shape[1]
    # REML: y'(y - fit) over the degrees that the fixed effects leave, in squares that stay positive
    squares = float(((y - fitted) ** 2).sum() + (solution[fixed.shape[1] :] ** 2).sum())
    inverse = pseudo @ pseudo.T
    trace = float(np.trace(both @ inverse @ both.T))
    return _Solved(
        solution * scale,
        inverse * np.outer(scale, scale),
        fitted,
        float(np.sqrt(squares / max(degrees, 1))),
        float(max(degrees, 1)),
        fixed,
        trace,
    )


def _lack_of_fit(runs: Runs, solved: _Solved) -> LackOfFit | None:
    """The misfit of networks' means against what the runs of one network differ by."""
    from scipy.special import fdtrc

    y = np.array(runs.values)
    names = sorted(set(runs.masks))
    member = np.eye(len(names))[[names.index(mask) for mask in runs.masks]]
    cells = np.column_stack([member, solved.fixed])
    pure = y - cells @ np.linalg.lstsq(cells, y, rcond=None)[0]
    pure_degrees = len(y) - int(np.linalg.matrix_rank(cells))
    degrees = len(y) - solved.trace - pure_degrees
    if pure_degrees < 1 or degrees < 1:
        return None
    residual = y - solved.fitted
    misfit = max(float(residual @ residual - pure @ pure), 0.0) / degrees
    noise = float(pure @ pure) / pure_degrees
    if noise <= (_ROUNDING * float(np.abs(y).max())) ** 2:
        return None  # equal runs: there is no error to compare with
    return LackOfFit(float(fdtrc(degrees, pure_degrees, misfit / noise)), degrees, pure_degrees)


def runs_of(values: Mapping[int, Mapping[int, float]]) -> Runs:
    """Set -> seed -> value as rows."""
    rows = [(mask, seed, v) for mask, by in values.items() for seed, v in by.items()]
    masks, seeds, found = zip(*rows, strict=True)
    return Runs(masks, seeds, found)
