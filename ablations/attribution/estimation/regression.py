"""The values of all legal sets by regression: main effects and shrunk pairs over all finished runs.

`y = constant + main effects + pairs + seed + noise`. The pairs are random with one common variance,
so that few runs shrink them and many do not; main effects, the constant and the seeds are fixed.
How large the pairs are beside the noise is not known either: the model is averaged over their
ratio, weighted by restricted likelihood (Harville 1974) and a half-Cauchy prior (Gelman 2006), or
pairs that are estimated as none would seem to be none for certain. Every number that is linear in
the values (a Shapley value, an interaction) comes with the variance of its prediction (Henderson
1975), which holds the noise of the runs and what few runs leave open about the pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Logarithms of the pairs' std over that of the noise: from none to games without noise
_LOG_RATIOS = np.arange(-5.0, 13.0, 0.25)
_LEAST = 1e-3  # of the largest weight, below which a ratio does not count
_ROUNDING = 1e-12  # of a value, relative to it


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
    weights = _ratios(y, fixed, random)
    solved = {ratio: _solve(y, fixed, random, ratio) for ratio in weights}
    kept = [*range(1 + players), *range(fixed.shape[1], fixed.shape[1] + len(pairs))]
    coefficients, covariance = _averaged([(weights[r], one) for r, one in solved.items()], kept)
    best = solved[max(weights, key=weights.__getitem__)]
    return Fit(
        players,
        pairs,
        coefficients,
        covariance,
        float(np.sqrt(sum(w * solved[r].noise ** 2 for r, w in weights.items()))),
        float(np.sqrt(sum(w * (r * solved[r].noise) ** 2 for r, w in weights.items()))),
        best.degrees,
        _lack_of_fit(runs, best),
    )


def _with_seeds(main: Array, seeds: Sequence[int]) -> Array:
    """Main effects, and those of the seeds but the first, which sum to nothing over the seeds.

    Without the seeds' where they cannot be told from the main effects, or leave nothing over to
    tell the noise from.
    """
    names = sorted(set(seeds))
    index = [names.index(seed) for seed in seeds]
    both = np.column_stack([main, (np.eye(len(names)) - 1 / len(names))[index][:, 1:]])
    enough = len(seeds) > both.shape[1] == np.linalg.matrix_rank(both)
    return both if enough else main


def _ratios(y: Array, fixed: Array, random: Array) -> dict[float, float]:
    """Stds of the pairs over that of the noise with their weights, which sum to 1."""
    if random.shape[1] == 0 or len(y) <= fixed.shape[1] + 1:
        return {0.0: 1.0}
    # in the space that the fixed effects leave, with the pairs' part made diagonal
    left = np.linalg.qr(fixed, mode="complete")[0][:, fixed.shape[1] :]
    values, vectors = np.linalg.eigh(left.T @ random @ random.T @ left)
    squares = (vectors.T @ left.T @ y) ** 2
    if squares.sum() <= len(squares) * (_ROUNDING * float(np.abs(y).max())) ** 2:
        return {0.0: 1.0}
    ratios = np.exp(_LOG_RATIOS)
    scales = 1 + np.outer(ratios**2, np.clip(values, 0, None))
    likelihood = len(squares) * np.log((squares / scales).mean(1)) + np.log(scales).sum(1)
    # the prior is 1 / (1 + ratio^2) for the ratio, and so that times the ratio for its logarithm
    logs = -likelihood / 2 + np.log(ratios / (1 + ratios**2))
    weights = np.exp(logs - logs.max())
    chosen = weights >= _LEAST
    total = weights[chosen].sum()
    return dict(zip(ratios[chosen].tolist(), (weights[chosen] / total).tolist(), strict=True))


def _averaged(
    solved: "Sequence[tuple[float, _Solved]]", kept: Sequence[int]
) -> tuple[Array, Array]:
    """Mean and covariance of coefficients that are known under several ratios."""
    mean = sum((w * one.solution[kept] for w, one in solved), np.zeros(len(kept)))
    spread = np.zeros((len(kept), len(kept)))
    for weight, one in solved:
        apart = one.solution[kept] - mean
        own = one.noise**2 * one.inverse[np.ix_(kept, kept)]
        spread += weight * (own + np.outer(apart, apart))
    return mean, spread


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
    scale = np.concatenate([np.ones(fixed.shape[1]), np.full(random.shape[1], ratio)])
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
