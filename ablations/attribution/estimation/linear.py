"""Weights over sets of players, for a model and for networks that were trained."""

from collections.abc import Sequence

from ablations.attribution.estimation.estimates import Estimate, estimate
from ablations.attribution.estimation.regression import Array, Fit


def modelled(model: Fit, weights: Array, masks: Sequence[int]) -> Estimate:
    """What a regression says of a weighted sum of the values of sets."""
    return estimate(*model.value(weights, masks), model.degrees)


def sparse(weights: Array, masks: Sequence[int]) -> dict[int, float]:
    """The weights that are not 0, by set."""
    return {mask: float(w) for mask, w in zip(masks, weights, strict=True) if w}
