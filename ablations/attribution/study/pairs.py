"""What steps are worth together: pairwise interactions, and groups that need each other."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from ablations.attribution.estimation.contrasts import Networks
from ablations.attribution.estimation.estimates import (
    Estimate,
    GroupWorth,
    Interaction,
    with_holm,
)
from ablations.attribution.estimation.linear import modelled, sparse
from ablations.attribution.estimation.regression import Fit
from ablations.attribution.estimation.weights import group_weights, interaction_weights
from ablations.attribution.study.game import Game


def interactions(game: Game, networks: Networks, model: Fit | None) -> tuple[Interaction, ...]:
    """Every pair of players, with p adjusted over the pairs."""
    masks = tuple(sorted(game.lattice.legal))
    pairs = list(combinations(range(game.players), 2))
    weights = {pair: interaction_weights(game.lattice, *pair) for pair in pairs}
    corners = {pair: _corners(pair, networks.means) for pair in pairs}
    complete = len(networks.means) == len(masks)
    by_model, measured = dict[tuple[int, int], Estimate](), dict[tuple[int, int], Estimate]()
    for pair in pairs:
        along, sets = weights[pair], corners[pair]
        if along is not None and model is not None:
            by_model[pair] = modelled(model, along, masks)
        mean = sparse(along, masks) if along is not None and complete else _mean(pair, sets)
        seen = networks.contrast(mean) if mean else None
        if seen is not None:
            measured[pair] = seen
    by_model, measured = with_holm(by_model), with_holm(measured)
    return tuple(
        Interaction(
            (game.lattice.players[i], game.lattice.players[j]),
            (game.titles[i], game.titles[j]),
            by_model.get((i, j)),
            measured.get((i, j)),
            len(corners[i, j]),
            precedence=weights[i, j] is None,
        )
        for i, j in pairs
    )


def _corners(pair: tuple[int, int], means: Mapping[int, float]) -> list[int]:
    """The sets without two players that are trained with none, each and both of them."""
    one, other = (1 << player for player in pair)
    return [
        mask
        for mask in means
        if not mask & (one | other)
        and all(mask | more in means for more in (one, other, one | other))
    ]


def _mean(pair: tuple[int, int], sets: Sequence[int]) -> dict[int, float]:
    """The mean second difference at some sets, as weights."""
    one, other = (1 << player for player in pair)
    weights = dict[int, float]()
    for mask in sets:
        for more, sign in ((0, 1), (one, -1), (other, -1), (one | other, 1)):
            weights[mask | more] = weights.get(mask | more, 0.0) + sign / len(sets)
    return weights


def groups(game: Game, networks: Networks, model: Fit | None) -> tuple[GroupWorth, ...]:
    """The value of players that need each other, together."""
    masks, found = tuple(sorted(game.lattice.legal)), []
    for players in _components(game.needs):
        if len(players) == game.players:
            continue  # all of it: the end minus the start
        weights = group_weights(game.lattice, players)
        value = networks.contrast(sparse(weights, masks))
        if value is None and model is not None:
            value = modelled(model, weights, masks)
        if value is not None:
            steps = tuple(step for player in players for step in game.lattice.players[player])
            title = " + ".join(game.titles[player] for player in players)
            found.append(GroupWorth(steps, title, value))
    return tuple(found)


def _components(needs: Mapping[int, tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Players that hang together by what they need."""
    found: list[set[int]] = []
    for player, needed in needs.items():
        joined = {player, *needed}
        for other in [group for group in found if group & joined]:
            joined |= other
            found.remove(other)
        found.append(joined)
    return [tuple(sorted(group)) for group in found]
