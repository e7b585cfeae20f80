"""What each player adds in the trajectory's own order, to the start, and to all the others."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ablations.attribution.estimation.contrasts import Networks
from ablations.attribution.estimation.estimates import Estimate, Method, StepWorth, with_holm
from ablations.attribution.estimation.linear import modelled
from ablations.attribution.estimation.marginals import Marginals
from ablations.attribution.estimation.regression import Fit
from ablations.attribution.study.game import Game
from lit_models.steps.lattice import prefixes


def step_worths(
    game: Game,
    networks: Networks,
    values: Mapping[Method, Mapping[int, Estimate]],
    marginals: Marginals | None,
    *,
    model: Fit | None,
) -> tuple[StepWorth, ...]:
    """What there is to say of each player.

    Differences of networks that are not trained are those of `model`, where there is one.
    """
    lattice, full = game.lattice, game.lattice.full
    own = dict(zip(lattice.own_order, prefixes(lattice.own_order), strict=False))
    families: list[Callable[[int], tuple[int, int]]] = [
        lambda p: (own[p] | 1 << p, own[p]),
        lambda p: (full, lattice.without(p)),
        lambda p: (lattice.with_least(p), lattice.with_least(p) & ~(1 << p)),
    ]
    found = [_differences(game, networks, corners, model) for corners in families]
    cumulative, left_out, added = found
    return tuple(
        StepWorth(
            steps=lattice.players[p],
            title=game.titles[p],
            cumulative=cumulative.get(p),
            leave_one_out=left_out.get(p),
            left_out_with=_titles(game, full & ~lattice.without(p) & ~(1 << p)),
            add_one_in=added.get(p),
            added_to=_titles(game, lattice.with_least(p) & ~(1 << p)),
            values={method: one[p] for method, one in values.items()},
            by_order=tuple(order[p] for order in marginals.by_order) if marginals else (),
        )
        for p in range(game.players)
    )


def _differences(
    game: Game,
    networks: Networks,
    corners: Callable[[int], tuple[int, int]],
    model: Fit | None,
) -> dict[int, Estimate]:
    """The difference of two networks for each player, where both are trained or modelled."""
    found = {}
    for player in range(game.players):
        after, before = corners(player)
        difference = networks.contrast({after: 1.0, before: -1.0})
        if difference is None and model is not None:
            by_model = modelled(model, np.array([1.0, -1.0]), (after, before))
            difference = replace(by_model, modelled=True)
        if difference is not None:
            found[player] = difference
    return with_holm(found)


def _titles(game: Game, mask: int) -> tuple[str, ...]:
    return tuple(title for i, title in enumerate(game.titles) if mask >> i & 1)
