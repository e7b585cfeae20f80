"""Contrasts of networks that were trained: their means over seeds, with the noise of all runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ablations.attribution.estimation.estimates import Estimate, estimate
from ablations.attribution.estimation.regression import Array
from ablations.statistics.moderated import study_variance

Values = Mapping[int, Mapping[int, float]]  # set of players -> seed -> top-1


@dataclass(frozen=True)
class Networks:
    """Trained networks, and what is known of their noise.

    Attributes:
        rows: how each network's mean is made of the runs: by set, weights of `runs`.
        runs: the values of all runs.
        of: the set of each run.
        variances: of one run of each set, with its own degrees of freedom; empty: nothing is known.
        prior: degrees of freedom that all networks' runs lend to each.
        most: degrees of freedom of all runs together.
        noise_std: of one run; None: nothing is known.
        replicated: networks with several runs, whose differences the noise is estimated from.
    """

    rows: Mapping[int, Array]
    runs: Array
    of: tuple[int, ...]
    variances: Mapping[int, tuple[float, float]]
    prior: float
    most: float
    noise_std: float | None
    replicated: int

    @cached_property
    def means(self) -> Mapping[int, float]:
        """Of each set, without what a seed does to all networks."""
        return {mask: float(row @ self.runs) for mask, row in self.rows.items()}

    def contrast(self, weights: Mapping[int, float]) -> Estimate | None:
        """A weighted sum of means; None where a network of it has no finished run."""
        if not weights.keys() <= self.rows.keys():
            return None
        row = sum((w * self.rows[mask] for mask, w in weights.items()), np.zeros(len(self.runs)))
        if not self.variances:
            return Estimate(float(row @ self.runs))
        share: dict[int, float] = {}
        for mask, weight in zip(self.of, row, strict=True):
            share[mask] = share.get(mask, 0.0) + float(weight) ** 2
        parts = [(part * self.variances[m][0], self.variances[m][1]) for m, part in share.items()]
        total = sum(part for part, _ in parts)
        # Satterthwaite's degrees of freedom of the networks' own variances
        own = total**2 / sum(part**2 / degrees for part, degrees in parts) if total else 0.0
        return estimate(float(row @ self.runs), total**0.5, min(own + self.prior, self.most))


def networks_of(values: Values, *, noise: tuple[float, float] | None = None) -> Networks:
    """The networks of finished runs.

    `noise` is the standard deviation of a run with its degrees of freedom, from elsewhere: what is
    used where no network has two runs.
    """
    replicated = sum(len(by) > 1 for by in values.values())
    found = study_variance({str(mask): by for mask, by in values.items()})
    runs = np.array([value for by in values.values() for value in by.values()])
    of = tuple(mask for mask, by in values.items() for _ in by)
    if found is not None:
        rows = _rows(values, seeds_apart=found.paired)
        own = {mask: found.points[str(mask)] for mask in values}
        most = float(found.pooled_degrees)
        return Networks(
            rows, runs, of, own, found.prior_degrees, most, found.pooled_std, replicated
        )
    rows = _rows(values, seeds_apart=False)
    if noise is None:
        return Networks(rows, runs, of, {}, 0.0, 0.0, None, 0)
    std, degrees = noise
    return Networks(rows, runs, of, dict.fromkeys(values, (std**2, degrees)), 0.0, degrees, std, 0)


def _rows(values: Values, *, seeds_apart: bool) -> dict[int, Array]:
    """Each network's mean as weights of the runs, of the additive model of networks and seeds.

    Without seeds, plain means, where these cannot be told from the networks.
    """
    masks = list(values)
    seeds = sorted({seed for by in values.values() for seed in by})
    pairs = [(masks.index(mask), seeds.index(seed)) for mask, by in values.items() for seed in by]
    network, seed = (np.array(column) for column in zip(*pairs, strict=True))
    columns = np.eye(len(masks))[network]
    if seeds_apart:
        # effects that sum to 0 over the seeds, so that a mean is over all of them
        effects = (np.eye(len(seeds)) - 1 / len(seeds))[seed][:, 1:]
        both = np.column_stack([columns, effects])
        if np.linalg.matrix_rank(both) == both.shape[1]:
            columns = both
    return dict(zip(masks, np.linalg.pinv(columns), strict=False))
