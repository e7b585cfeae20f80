"""Runs by point and seed: the noise that is left around points, and around points and seeds.

By least squares, so that points may have different seeds and different numbers of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ROUNDING = 1e-9  # of the values: deviations below it are floating point's, not the runs'
Values = Mapping[str, Mapping[int, float]]  # point -> seed -> value


@dataclass(frozen=True)
class Noise:
    """Sums of squares and degrees of freedom of what is left of each point's runs."""

    squares: Mapping[str, float]
    degrees: Mapping[str, float]

    @property
    def pooled(self) -> float:
        """The common variance of one run."""
        return sum(self.squares.values()) / sum(self.degrees.values())


@dataclass(frozen=True)
class TwoWay:
    """The additive model `value = point + seed + noise`.

    Attributes:
        noise: what is left after points and seeds.
        seed_p: p of the F test that seeds have no effect common to the points.
        correlation: of two points' runs with one seed, by the mean squares; below 0 by chance. The
            variance of a difference within seeds is `1 - correlation` times that of one between
            runs of different seeds.
    """

    noise: Noise
    seed_p: float
    correlation: float


def around_points(values: Values) -> Noise:
    """What is left of each point's runs around their mean."""
    means = {name: sum(by.values()) / len(by) for name, by in values.items()}
    squares = {
        name: _sum_of_squares([value - means[name] for value in by.values()], means[name])
        for name, by in values.items()
    }
    return Noise(squares, {name: len(by) - 1.0 for name, by in values.items()})


def _sum_of_squares(deviations: Sequence[float], size: float) -> float:
    least = _ROUNDING * max(abs(size), 1.0)
    return sum(deviation**2 for deviation in deviations if abs(deviation) > least)


def twins(values: Values) -> dict[str, str]:
    """Of every point with two runs or more the first with the very same values, which may be it.

    Points of which all values are equal are one network that was trained once: their scatter is
    one point's. That two networks agree so by chance is improbable, and costs no more than one
    point's degrees of freedom.
    """
    first: dict[tuple[tuple[int, float], ...], str] = {}
    usable = {name: tuple(sorted(by.items())) for name, by in values.items() if len(by) > 1}
    return {name: first.setdefault(row, name) for name, row in usable.items()}


def two_way(values: Values) -> TwoWay | None:
    """Fit the additive model; None where points and seeds leave nothing to tell them apart."""
    import numpy as np
    from scipy.special import fdtrc

    values = {name: by for name, by in values.items() if len(by) > 1}
    runs = [(name, seed, value) for name, by in values.items() for seed, value in by.items()]
    seeds = {seed: column for column, seed in enumerate(sorted({seed for _, seed, _ in runs}))}
    indicator = np.zeros((len(runs), len(seeds)))
    indicator[range(len(runs)), [seeds[seed] for _, seed, _ in runs]] = 1
    y = np.array([value for *_, value in runs])
    rows = {name: [i for i, run in enumerate(runs) if run[0] == name] for name in values}
    for mine in rows.values():  # the points' means are taken out first, and seeds of what is left
        y[mine] -= y[mine].mean()
        indicator[mine] -= indicator[mine].mean(0)
    basis, sizes, _ = np.linalg.svd(indicator, full_matrices=False)
    basis = basis[:, sizes > 1e-9]
    rank = basis.shape[1]
    degrees_left = len(runs) - len(values) - rank
    if not rank or degrees_left <= 0:
        return None
    explained = basis @ (basis.T @ y)
    left = y - explained
    leverage = (basis**2).sum(1)  # of the seeds; a point's own mean costs one degree
    size = max(abs(value) for *_, value in runs)
    noise = Noise(
        {name: _sum_of_squares(left[mine].tolist(), size) for name, mine in rows.items()},
        {name: len(mine) - 1 - float(leverage[mine].sum()) for name, mine in rows.items()},
    )
    by_seed = _sum_of_squares(explained.tolist(), size) / rank
    error = sum(noise.squares.values()) / degrees_left
    if not error:
        return TwoWay(noise, 0.0 if by_seed else 1.0, 1.0 if by_seed else 0.0)
    points = (len(runs) - len(values)) / rank  # that a seed has, on average
    correlation = (by_seed - error) / (by_seed + (points - 1) * error)
    return TwoWay(noise, float(fdtrc(rank, degrees_left, by_seed / error)), correlation)
