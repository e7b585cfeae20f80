"""Attribution of studies whose runs are played in a known game."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablations.attribution.estimation.weights import shapley_weights
from ablations.attribution.shown.words import sentences
from ablations.attribution.study.attribute import Attribution, attribute
from ablations.compare.records import load_study
from lit_models.steps.lattice import lattice_of, prefixes
from lit_models.steps.trajectory import outline_to_plain
from tests.support.fabricate import fabricate_networks
from tests.support.games import LINE, SHORT, Game, orders_study, play, random_game

LATTICE = lattice_of(SHORT)
FULL = LATTICE.full
GAME = random_game(8, 3, noise=0.3)
CUMULATIVE = prefixes(tuple(range(8)))


def attributed(root: Path, study: str = "orders", **more: object) -> Attribution:
    return attribute(load_study(study, runs_root=root), **more)  # type: ignore[arg-type]


def text_of(found: Attribution) -> str:
    return " ".join(sentences(found))


def exact(game: Game) -> np.ndarray:
    weights = shapley_weights(LATTICE)
    return np.asarray(weights.matrix @ [game(mask) for mask in weights.masks])


def test_a_study_of_orders_says_what_its_steps_are_worth(tmp_path: Path) -> None:
    orders_study(tmp_path, GAME)
    found = attributed(tmp_path)
    assert found.method == "regression"
    values = [step.values["regression"] for step in found.steps]
    errors = np.array([one.value for one in values]) - exact(GAME)
    assert np.abs(errors).max() < 0.6
    inside = [
        one.low is not None and one.high is not None and one.low <= worth <= one.high
        for one, worth in zip(values, exact(GAME), strict=True)
    ]
    assert sum(inside) >= 6
    assert [step.steps for step in found.steps] == [(name,) for name in SHORT.step_names]
    assert len(found.marginals.by_order if found.marginals else ()) == 8
    assert found.total is not None
    assert found.total.value == pytest.approx(sum(one.value for one in values))


def test_single_orders_stand_beside_it_as_differences_of_two_networks(tmp_path: Path) -> None:
    orders_study(tmp_path, replace(GAME, noise=0.0))
    by_name = {step.steps[0]: step for step in attributed(tmp_path).steps}
    third = by_name["depthwise"]
    assert third.cumulative is not None
    assert third.cumulative.value == pytest.approx(GAME(0b111) - GAME(0b011))
    assert by_name["move_depthwise_up"].added_to == ("depthwise conv",)
    assert third.left_out_with == ("move ↑ d. conv",)
    left_out = [
        step
        for step in by_name.values()
        if step.leave_one_out and not step.leave_one_out.modelled and not step.left_out_with
    ]
    assert left_out
    for step in left_out:
        bit = 1 << SHORT.step_names.index(step.steps[0])
        assert step.leave_one_out is not None
        assert step.leave_one_out.value == pytest.approx(GAME(FULL) - GAME(FULL & ~bit))


def test_a_difference_that_is_not_trained_is_the_regressions_and_says_so(tmp_path: Path) -> None:
    game = Game(effects={(i,): float(i) for i in range(8)}, noise=0.05)
    orders_study(tmp_path, game, units=2)
    found = attributed(tmp_path)
    guessed = [s for s in found.steps if s.add_one_in and s.add_one_in.modelled]
    assert guessed
    for step in guessed:
        worth = float(SHORT.step_names.index(step.steps[0]))
        assert step.add_one_in is not None
        assert step.add_one_in.value == pytest.approx(worth, abs=0.3)
    assert "~: not measured" in text_of(found)


def test_steps_that_need_each_other_also_count_as_one(tmp_path: Path) -> None:
    game = Game(effects={(2, 5): 4.0, (0,): 1.0}, noise=0.0)
    orders_study(tmp_path, game)
    found = attributed(tmp_path)
    (group,) = found.groups
    assert group.steps == ("depthwise", "move_depthwise_up")
    assert group.value.value == pytest.approx(4, abs=1e-6)
    assert found.steps[5].values["regression"].value == pytest.approx(4, abs=1e-6)
    assert "move ↑ d. conv needs depthwise conv" in text_of(found)


def test_a_complete_design_is_exact(tmp_path: Path) -> None:
    game = Game(effects={(0,): 2.0, (7,): -1.0, (0, 7): 0.5}, noise=0.2)
    runs = [(mask, seed) for mask in (0, 1, 1 << 7, 1 | 1 << 7) for seed in range(4)]
    play(tmp_path, game, runs, study="corners", kind="factorial")
    found = attributed(tmp_path, "corners")
    mean = {mask: np.mean([game.run(mask, seed) for seed in range(4)]) for mask, _ in runs}
    first = (mean[1] - mean[0] + mean[129] - mean[128]) / 2
    assert found.method == "exact"
    assert found.steps[0].values["exact"].value == pytest.approx(first)
    (pair,) = found.interactions
    assert pair.measured is not None
    assert pair.measured.value == pytest.approx(mean[129] - mean[128] - mean[1] + mean[0])
    assert pair.measured.low is not None
    assert pair.measured.low < 0.5 < (pair.measured.high or 0)


def test_a_random_design_is_read_by_regression(tmp_path: Path) -> None:
    game = replace(GAME, noise=0.0)
    rng = np.random.default_rng(0)
    masks = sorted({0, FULL, *map(int, rng.choice(sorted(LATTICE.legal), 100, replace=False))})
    play(tmp_path, game, [(mask, 0) for mask in masks], study="sets")
    found = attributed(tmp_path, "sets")
    values = [step.values["regression"].value for step in found.steps]
    assert values == pytest.approx(exact(game), abs=1e-4)
    assert "marginal" in found.refused


def test_runs_of_other_studies_of_the_same_setting_count(tmp_path: Path) -> None:
    orders_study(tmp_path, GAME, units=2)
    alone = attributed(tmp_path)
    line = [(m, s) for m in CUMULATIVE for s in range(3)]
    new = sum(seed not in alone.collected.values.get(mask, {}) for mask, seed in line)
    play(tmp_path, GAME, line, study="line")
    play(tmp_path, GAME, [(FULL & ~2, 5)], study="slower", lr=0.002)
    other = outline_to_plain(replace(SHORT, title="Another"))
    play(tmp_path, GAME, [(FULL & ~1, 5)], study="elsewhere", outline=other)
    found = attributed(tmp_path)
    assert dict(found.collected.sources) == {"orders": alone.collected.runs, "line": new}
    assert found.collected.runs == alone.collected.runs + new
    assert f"{new} of line are of the same" in text_of(found)
    own = attributed(tmp_path, only_own=True)
    assert dict(own.collected.sources) == {"orders": alone.collected.runs}


def test_a_run_of_another_network_under_the_same_steps_does_not_count(tmp_path: Path) -> None:
    orders_study(tmp_path, GAME, units=2)
    play(tmp_path, GAME, [(m, 7) for m in CUMULATIVE], study="wider")
    for path in (tmp_path / "all").glob("*-seed7-*/config.json"):
        config = json.loads(path.read_text())
        config["spec"]["widths"] = [8 * width for width in config["spec"]["widths"]]
        path.write_text(json.dumps(config))
    assert "wider" not in attributed(tmp_path).collected.sources


def test_a_trajectory_of_ones_own_is_made_again_from_its_runs(tmp_path: Path) -> None:
    orders_study(tmp_path, GAME)
    found = attributed(tmp_path)
    assert found.game.line.start == SHORT.start
    assert found.game.titles[0] == "stage ratio"
    assert found.game.lattice == LATTICE


def test_a_shipped_trajectory_is_its_name(tmp_path: Path) -> None:
    play(tmp_path, GAME, [(mask, 0) for mask in (0, 1, 2)], study="orders", line=LINE)
    assert attributed(tmp_path).game.players == 2
    assert attributed(tmp_path).game.line is LINE


def test_a_trajectory_that_cannot_be_made_any_more_is_said(tmp_path: Path) -> None:
    gone = replace(SHORT, start_from=("nano_resnett",))
    play(tmp_path, GAME, [(mask, 0) for mask in (0, 1, 2)], study="orders", line=gone)
    with pytest.raises(ValueError, match=r"cannot be made any more.*nano_resnet"):
        attributed(tmp_path)


def test_one_order_says_nothing_over_all(tmp_path: Path) -> None:
    play(tmp_path, GAME, [(m, s) for m in CUMULATIVE for s in range(2)], study="line")
    found = attributed(tmp_path, "line")
    assert found.method is None
    assert all(step.cumulative and not step.values for step in found.steps)
    text = text_of(found)
    assert "cannot be said from the finished runs" in text
    assert "9 networks are trained, and main effects" in text


def test_missing_runs_say_what_can_be_said_without(tmp_path: Path) -> None:
    orders = orders_study(tmp_path, GAME)
    gone = {(prefixes(orders[0])[4], 0): "failed", (prefixes(orders[7])[6], 0): "new"}
    rows = json.loads((tmp_path / "studies/orders/index.json").read_text())["rows"]
    runs = [(sum(1 << SHORT.step_names.index(s) for s in r["steps"]), r["seed"]) for r in rows]
    names = [[[*LATTICE.players[p]] for p in order] for order in (LATTICE.own_order, *orders)]
    gone |= {(mask, seed): "new" for mask, seed in runs if mask == prefixes(orders[7])[6]}
    play(tmp_path / "b", GAME, runs, study="orders", orders=names, states=gone)
    found = attributed(tmp_path / "b")
    assert found.method == "regression"
    assert found.marginals is not None
    assert (found.marginals.units, found.marginals.planned_units) == (2, 4)
    text = text_of(found)
    assert f"{len(gone)} of the study's {len(runs)} runs are not finished." in text
    assert "6 of 8 sampled orders are trained from start to end." in text


def test_steps_that_are_always_together_are_named(tmp_path: Path) -> None:
    tied = [mask for mask in sorted(LATTICE.legal) if (mask >> 6 & 1) == (mask >> 7 & 1)]
    runs = {0, FULL, *np.random.default_rng(0).choice(tied, 60).tolist()}
    play(tmp_path, GAME, [(m, 0) for m in sorted(runs)], study="tied")
    found = attributed(tmp_path, "tied")
    assert found.method is None
    assert "do not tell kernel sz. → 7, ReLU → GELU from other steps" in text_of(found)


def test_with_one_seed_intervals_rest_on_the_regression(tmp_path: Path) -> None:
    orders_study(tmp_path, GAME, seeds=1)
    found = attributed(tmp_path)
    assert found.networks.replicated == 0
    assert found.steps[0].cumulative is not None
    assert found.steps[0].cumulative.low is not None
    assert "there is no pure error" in text_of(found)


def test_where_the_regression_lacks_fit_the_means_are_the_result(tmp_path: Path) -> None:
    game = Game(effects={(0, 3, 6): 6.0, (1, 4, 7): -6.0}, noise=0.1)
    orders_study(tmp_path, game)
    play(tmp_path, game, [(m, s) for m in CUMULATIVE for s in range(3)], study="line")
    found = attributed(tmp_path)
    assert found.model is not None
    assert found.model.lack_of_fit is not None
    assert found.model.lack_of_fit.p < 0.05
    assert found.method == "marginal"
    assert "it lacks fit" in text_of(found)
    assert "free of that order, by the regression, which lacks fit" in text_of(found)
    assert "legal orders pass, by the regression, which lacks fit" in text_of(found)
    assert attributed(tmp_path, method="regression").method == "regression"


def test_groups_of_a_study_are_its_players(tmp_path: Path) -> None:
    from lit_models.steps.groups import grouped
    from tests.support.games import drawn_orders

    pair = ("depthwise", "move_depthwise_up")
    lattice = grouped(LATTICE, [pair])
    orders = [lattice.own_order, *drawn_orders(lattice, 3)]
    bits = [sum(1 << SHORT.step_names.index(s) for s in player) for player in lattice.players]
    sets = {m for order in orders for m in prefixes(order)}
    runs = [(sum(b for i, b in enumerate(bits) if m >> i & 1), 0) for m in sorted(sets)]
    names = [[[*lattice.players[p]] for p in order] for order in orders]
    play(tmp_path, replace(GAME, noise=0.0), runs, study="orders", orders=names)
    found = attributed(tmp_path)
    assert len(found.steps) == 7
    assert found.steps[2].steps == pair
    assert found.steps[2].title == "depthwise conv + move ↑ d. conv"
    assert not found.game.needs


def test_a_study_of_networks_has_no_steps_to_attribute(tmp_path: Path) -> None:
    fabricate_networks(tmp_path, {"a": ["nano_convnext"], "b": ["nano_resnet"]})
    with pytest.raises(ValueError, match="lie on no trajectory"):
        attributed(tmp_path, "made_up")


def test_nothing_finished_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    states = {(mask, 0): "failed" for mask in (0, 1, 3)}
    play(tmp_path, GAME, list(states), study="orders", states=states)
    with pytest.raises(ValueError, match="no finished run: `ablate run orders` trains them"):
        attributed(tmp_path)


def test_a_method_that_is_not_possible_is_refused_with_the_reason(tmp_path: Path) -> None:
    play(tmp_path, GAME, [(m, 0) for m in CUMULATIVE], study="line")
    with pytest.raises(ValueError, match=r"'marginal': no order that was drawn.*possible here: no"):
        attributed(tmp_path, "line", method="marginal")


def test_matched_networks_are_no_game(tmp_path: Path) -> None:
    match = {"unit": "gmacs", "target": 0.1, "asked": "end", "within": 0.005, "absorbed": []}
    orders_study(tmp_path, GAME, units=1, match=match)
    with pytest.raises(ValueError, match="solves the widths"):
        attributed(tmp_path)
