"""Contrasts of networks that were trained: their means over seeds, with the noise of all runs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ablations.attribution.estimation.estimates import Estimate, estimate
from ablations.statistics.moderated import study_variance

Values = Mapping[int, Mapping[int, float]]  # set of players -> seed -> top-1


@dataclass(frozen=True)
class Networks:
    """The means of trained networks, and what is known of their noise.

    Attributes:
        means: of each set, over its seeds, without what a seed does to all networks where that is
            more than chance.
        variances: of each mean, with its own degrees of freedom; empty: nothing is known.
        prior: degrees of freedom that all networks' runs lend to each.
        most: degrees of freedom of all runs together.
        replicated: networks with several runs, whose differences the noise is estimated from.
    """

    means: Mapping[int, float]
    variances: Mapping[int, tuple[float, float]]
    prior: float
    most: float
    noise_std: float | None
    replicated: int

    def contrast(self, weights: Mapping[int, float]) -> Estimate | None:
        """A weighted sum of means; None where a network of it has no finished run."""
        if not weights.keys() <= self.means.keys():
            return None
        value = sum(weight * self.means[mask] for mask, weight in weights.items())
        if not self.variances:
            return Estimate(value)
        parts = [(w**2 * self.variances[m][0], self.variances[m][1]) for m, w in weights.items()]
        total = sum(part for part, _ in parts)
        # Satterthwaite's degrees of freedom of the networks' own variances
        own = total**2 / sum(part**2 / degrees for part, degrees in parts) if total else 0.0
        return estimate(value, total**0.5, min(own + self.prior, self.most))


def networks_of(values: Values, *, noise: tuple[float, float] | None = None) -> Networks:
    """The networks of finished runs.

    `noise` is the standard deviation of a run with its degrees of freedom, from elsewhere: what is
    used where no network has two runs.
    """
    replicated = sum(len(by) > 1 for by in values.values())
    found = study_variance({str(mask): by for mask, by in values.items()})
    if found is None:
        if noise is None:
            return Networks(_means(values), {}, 0.0, 0.0, None, 0)
        std, degrees = noise
        variances = {mask: (std**2 / len(by), degrees) for mask, by in values.items()}
        return Networks(_means(values), variances, 0.0, degrees, std, 0)
    variances = {
        mask: (found.points[str(mask)][0] / len(by), found.points[str(mask)][1])
        for mask, by in values.items()
    }
    means = _means(_without_seeds(values) if found.paired else values)
    most = float(found.pooled_degrees)
    return Networks(means, variances, found.prior_degrees, most, found.pooled_std, replicated)


def _means(values: Values) -> dict[int, float]:
    return {mask: sum(by.values()) / len(by) for mask, by in values.items()}


def _without_seeds(values: Values) -> Values:
    """The values without the seeds' effects, which are those of an additive model and sum to 0."""
    masks = list(values)
    seeds = sorted({seed for by in values.values() for seed in by})
    rows = [(masks.index(m), seeds.index(s), v) for m, by in values.items() for s, v in by.items()]
    network, seed, y = (np.array(column) for column in zip(*rows, strict=True))
    columns = np.column_stack([np.eye(len(masks))[network], np.eye(len(seeds))[seed]])
    effects = np.linalg.lstsq(columns, y, rcond=None)[0][len(masks) :]
    effects -= effects.mean()
    return {m: {s: v - effects[seeds.index(s)] for s, v in by.items()} for m, by in values.items()}
