"""What each step of a study is worth over all legal orders, from the runs that are finished."""

from collections.abc import Mapping
from dataclasses import dataclass

from ablations.attribution.estimation.contrasts import Networks, networks_of
from ablations.attribution.estimation.estimates import (
    Curve,
    Estimate,
    GroupWorth,
    Interaction,
    Method,
    StepWorth,
    with_holm,
)
from ablations.attribution.estimation.linear import modelled, sparse
from ablations.attribution.estimation.marginals import (
    Marginals,
    curve_of,
    is_measured,
    marginal_means,
)
from ablations.attribution.estimation.regression import Fit, confounded, fit, runs_of
from ablations.attribution.estimation.weights import ShapleyWeights, shapley_weights
from ablations.attribution.study.collected import Collected, collect
from ablations.attribution.study.game import Game, game_of
from ablations.attribution.study.pairs import groups, interactions
from ablations.attribution.study.steps import step_worths
from ablations.compare.records import StudyRecord
from ablations.statistics.paired import SIGNIFICANCE
from ablations.store.hints import hint
from ablations.store.runs import root_of

SPARE = 3  # networks more than main effects, from which on pairs can be told from noise


@dataclass(frozen=True)
class Attribution:
    """What the steps of a study are worth, and what that rests on.

    Attributes:
        method: whose Shapley values are the result; None where the runs allow none.
        refused: why a method is not possible, by method.
        steps: in the trajectory's order.
        total: the sum of the values; `measured` is the end minus the start as trained.
        model: of the regression; None where it is not possible.
        marginals: over complete sampled orders; None without one.
        curves: the sampled orders of which all networks are trained.
        own_curve: the trajectory's own order, where all of it is trained.
    """

    study: StudyRecord
    game: Game
    collected: Collected
    networks: Networks
    method: Method | None
    refused: Mapping[Method, str]
    steps: tuple[StepWorth, ...]
    interactions: tuple[Interaction, ...]
    groups: tuple[GroupWorth, ...]
    total: Estimate | None
    measured: Estimate | None
    model: Fit | None
    marginals: Marginals | None
    curves: tuple[Curve, ...]
    own_curve: Curve | None


def attribute(
    study: StudyRecord, *, method: Method | None = None, only_own: bool = False
) -> Attribution:
    """Attribute the change from a study's start to its end to its steps.

    `method` is whose values are the result; None: exact where every legal set is trained, else by
    regression unless that lacks fit, else by marginal means. With `only_own` what other studies
    trained of the same game is left out.

    Raises:
        ValueError: what `game_of` raises; nothing is finished; the method is not possible.
    """
    game = game_of(study)
    collected = collect(study, game, only_own=only_own)
    if not collected.runs:
        root = root_of(study.runs[0].folder)
        status = f"; {hint('status', study.name, root=root)} shows them" if root else ""
        raise ValueError(
            f"study {study.name!r} has no finished run: `{study.command}` trains them{status}"
        )
    weights = shapley_weights(game.lattice)
    model, refused = _model(game, collected)
    noise = (model.noise_std, model.degrees) if model else None
    networks = networks_of(collected.values, noise=noise)
    drawn = [game.lattice.order_of(order) for order in study.orders[1:]]
    marginals = marginal_means(game.lattice, drawn, networks.means)
    refused |= _refused(game, networks, marginals)
    values = _values(game, weights, model, networks, marginals)
    chosen = _chosen(method, values, refused, model, marginals)
    trusted = None if model is None or lacks_fit(model) else model
    return Attribution(
        study,
        game,
        collected,
        networks,
        chosen,
        refused,
        step_worths(game, networks, values, marginals, model=trusted),
        interactions(game, networks, None if chosen == "exact" else model),
        groups(game, networks, model),
        _total(game, chosen, weights, model, networks),
        networks.contrast({game.lattice.full: 1.0, 0: -1.0}),
        model,
        marginals,
        tuple(curve_of(one, networks.means) for one in drawn if is_measured(one, networks.means)),
        _own_curve(game, networks),
    )


def _model(game: Game, collected: Collected) -> tuple[Fit | None, dict[Method, str]]:
    """The regression, or why there is none."""
    masks = list(collected.values)
    unclear = confounded(masks, game.players)
    spare = len(masks) - 1 - game.players
    if unclear:
        names = ", ".join(game.titles[player] for player in unclear)
        return None, {
            "regression": f"the {len(masks)} trained networks do not tell {names} from other steps"
        }
    if spare < SPARE:
        return None, {
            "regression": f"{len(masks)} networks are trained, and main effects with something "
            f"left to tell pairs from noise take {1 + game.players + SPARE}"
        }
    precedence = [(p, other) for p, needed in game.needs.items() for other in needed]
    return fit(runs_of(collected.values), game.players, precedence=precedence), {}


def _refused(game: Game, networks: Networks, marginals: Marginals | None) -> dict[Method, str]:
    """Why a value by exact or by marginal means is not possible."""
    found: dict[Method, str] = {}
    legal = len(game.lattice.legal)
    if missing := legal - len(networks.means):
        found["exact"] = f"{missing:,} of {legal:,} networks are not trained"
    if marginals is None:
        found["marginal"] = "no order that was drawn is trained from start to end"
    return found


def _values(
    game: Game,
    weights: ShapleyWeights,
    model: Fit | None,
    networks: Networks,
    marginals: Marginals | None,
) -> dict[Method, dict[int, Estimate]]:
    """The Shapley values of all players, by each method that is possible."""
    players = range(game.players)
    found: dict[Method, dict[int, Estimate]] = {}
    if len(networks.means) == len(game.lattice.legal):
        rows = {p: networks.contrast(sparse(weights.matrix[p], weights.masks)) for p in players}
        found["exact"] = {p: value for p, value in rows.items() if value is not None}
    if model is not None:
        found["regression"] = {
            p: modelled(model, weights.matrix[p], weights.masks) for p in players
        }
    if marginals is not None:
        found["marginal"] = dict(enumerate(marginals.values))
    return {name: with_holm(values) for name, values in found.items()}


def _chosen(
    asked: Method | None,
    values: Mapping[Method, object],
    refused: Mapping[Method, str],
    model: Fit | None,
    marginals: Marginals | None,
) -> Method | None:
    if asked is not None:
        if asked not in values:
            known = ", ".join(values) or "none"
            raise ValueError(
                f"no value by the method {asked!r}: {refused[asked]}; possible here: {known}"
            )
        return asked
    if "exact" in values:
        return "exact"
    if model is not None and not (lacks_fit(model) and marginals and marginals.units > 1):
        return "regression"
    return "marginal" if "marginal" in values else None


def lacks_fit(model: Fit) -> bool:
    """Whether a regression misses more of the networks than seeds explain."""
    return model.lack_of_fit is not None and model.lack_of_fit.p < SIGNIFICANCE


def _total(
    game: Game,
    method: Method | None,
    weights: ShapleyWeights,
    model: Fit | None,
    networks: Networks,
) -> Estimate | None:
    """The sum of the values that are the result."""
    if method == "regression" and model is not None:
        return modelled(model, weights.matrix.sum(axis=0), weights.masks)
    if method is None:
        return None
    # telescopes to the end minus the start in each order, and so in their mean
    return networks.contrast({game.lattice.full: 1.0, 0: -1.0})


def _own_curve(game: Game, networks: Networks) -> Curve | None:
    order = game.lattice.own_order
    return curve_of(order, networks.means) if is_measured(order, networks.means) else None
