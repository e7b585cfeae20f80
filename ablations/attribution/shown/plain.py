"""An attribution as plain data: what `ablate attribute --json` prints, and attribution.json."""

from dataclasses import asdict
from typing import Any

from ablations.attribution.estimation.estimates import Curve, Estimate
from ablations.attribution.study.attribute import Attribution


def to_plain(found: Attribution) -> dict[str, Any]:
    """Numbers unrounded, in points of test top-1; `null` where something is not known."""
    game, model, marginals = found.game, found.model, found.marginals
    return {
        "study": found.study.name,
        "trajectory": game.line.name,
        "base": list(game.base),
        "method": found.method,
        "refused": dict(found.refused),
        "networks": len(found.networks.means),
        "legal_networks": len(game.lattice.legal),
        "runs": found.collected.runs,
        "sources": dict(found.collected.sources),
        "legal_orders": game.lattice.orders,
        "needs": {
            "+".join(game.lattice.players[player]): [
                step for other in needed for step in game.lattice.players[other]
            ]
            for player, needed in game.needs.items()
        },
        "steps": [_step(found, number) for number in range(game.players)],
        "total": _estimate(found.total),
        "end_minus_start": _estimate(found.measured),
        "groups": [
            {"steps": list(group.steps), "value": _estimate(group.value)} for group in found.groups
        ],
        "interactions": [
            {
                "steps": ["+".join(names) for names in pair.steps],
                "regression": _estimate(pair.model),
                "measured": _estimate(pair.measured),
                "sets": pair.sets,
                "precedence": pair.precedence,
            }
            for pair in found.interactions
        ],
        "noise_std": found.networks.noise_std,
        "replicated_networks": found.networks.replicated,
        "regression": None
        if model is None
        else {
            "noise_std": model.noise_std,
            "pair_std": model.pair_std,
            "degrees": model.degrees,
            "lack_of_fit": None if model.lack_of_fit is None else asdict(model.lack_of_fit),
        },
        "marginal": None
        if marginals is None
        else {
            "units": marginals.units,
            "planned_units": marginals.planned_units,
        },
        "orders": [_curve(found, curve) for curve in found.curves],
        "own_order": None if found.own_curve is None else _curve(found, found.own_curve),
    }


def _step(found: Attribution, number: int) -> dict[str, Any]:
    step = found.steps[number]
    return {
        "step": "+".join(step.steps),
        "title": step.title,
        "shapley": None if found.method is None else _estimate(step.values[found.method]),
        **{f"shapley_{method}": _estimate(value) for method, value in step.values.items()},
        "cumulative": _estimate(step.cumulative),
        "leave_one_out": _estimate(step.leave_one_out),
        "left_out_with": list(step.left_out_with),
        "add_one_in": _estimate(step.add_one_in),
        "added_to": list(step.added_to),
        "by_order": list(step.by_order),
    }


def _estimate(found: Estimate | None) -> dict[str, float | None] | None:
    return None if found is None else asdict(found)


def _curve(found: Attribution, curve: Curve) -> dict[str, Any]:
    players = found.game.lattice.players
    return {"steps": ["+".join(players[p]) for p in curve.order], "top1": list(curve.top1)}
