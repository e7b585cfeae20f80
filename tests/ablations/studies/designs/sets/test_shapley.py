"""Studies of orders: which networks and seeds they have, what more orders keep, what they share."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ablations.planning.plan import Plan, make_plan
from ablations.studies.config import Study
from ablations.studies.designs import DESIGNS, Points
from ablations.studies.designs.cumulative import CumulativePoints
from ablations.studies.designs.leave_one_out import LeaveOneOutPoints
from ablations.studies.designs.sets.shapley import Shapley, ShapleyPoints
from ablations.studies.study_file import read_source, resolve_study
from lit_models import START, TRAJECTORIES
from lit_models.steps.lattice import lattice_of, prefixes

NANO = TRAJECTORIES["convnext_nano"]
LATTICE = lattice_of(NANO)
PAIR = ["depthwise", "move_depthwise_up"]
SEEDS = [0, 1, 2]


def study(points: Points, seeds: Sequence[int] = SEEDS) -> Study:
    return Study(name="s", trajectory=NANO.name, points=points, seeds=list(seeds))


def planned(points: Points, seeds: Sequence[int] = SEEDS) -> Plan:
    return make_plan(study(points, seeds))


def design(points: ShapleyPoints, seeds: Sequence[int] = SEEDS) -> Shapley:
    made = DESIGNS["shapley"].create(points, trajectory=NANO.name, published=None).for_seeds(seeds)
    assert isinstance(made, Shapley)
    return made


def rows(plan: Plan) -> set[tuple[str, int, str]]:
    return {(row.point, row.seed, row.run_id) for row in plan.rows}


def test_every_network_that_an_order_passes_and_no_other() -> None:
    chosen = design(ShapleyPoints(orders=4))
    own, *drawn = [LATTICE.order_of(order) for order in chosen.orders]
    assert own == tuple(range(12))
    assert len(set(drawn)) == 4
    passed = {LATTICE.names(mask) for order in (own, *drawn) for mask in prefixes(order)}
    points = chosen.points()
    assert [point.steps for point in points] == sorted(
        passed, key=lambda steps: (len(steps), chosen.mask_of(steps))
    )
    assert len({point.label for point in points}) == len(points) == len(passed)
    assert [point.label for point in points] == sorted(point.label for point in points)


def test_orders_come_in_mirrored_pairs_unless_that_is_off() -> None:
    drawn = [LATTICE.order_of(order) for order in design(ShapleyPoints(orders=6)).orders[1:]]
    assert all(LATTICE.reverse(drawn[k]) == drawn[k + 1] for k in (0, 2, 4))
    alone = design(ShapleyPoints(orders=6, antithetic=False)).orders[1:]
    plain = [LATTICE.order_of(order) for order in alone]
    assert plain[:3] == drawn[::2]
    assert all(LATTICE.reverse(one) != other for one, other in pairwise(plain))


def test_which_seeds_a_network_has() -> None:
    chosen = design(ShapleyPoints(orders=8), seeds=[5, 6, 7])
    orders = [LATTICE.order_of(order) for order in chosen.orders]
    wanted: dict[tuple[str, ...], set[int]] = {(): {5, 6, 7}, NANO.step_names: {5, 6, 7}}
    for number, order in enumerate(orders):
        for mask in prefixes(order)[1:-1]:
            pair = (number + 1) // 2  # the own order is by itself
            wanted.setdefault(LATTICE.names(mask), set()).add(5 + pair % 3)
    plan = planned(ShapleyPoints(orders=8), seeds=[5, 6, 7])
    found: dict[tuple[str, ...], set[int]] = {}
    for row in plan.rows:
        found.setdefault(row.steps, set()).add(row.seed)
    assert found == wanted
    assert len(plan.unique()) == len(plan.rows) == sum(map(len, wanted.values()))


def test_more_orders_keep_every_earlier_run() -> None:
    eight, sixteen = (planned(ShapleyPoints(orders=number)) for number in (8, 16))
    assert rows(eight) < rows(sixteen)
    first = design(ShapleyPoints(orders=8)).orders
    assert design(ShapleyPoints(orders=16)).orders[: len(first)] == first
    assert design(ShapleyPoints(orders=7)).orders == first[:-1]
    other = design(ShapleyPoints(orders=8, draw=1)).orders
    assert other[0] == first[0]
    assert not set(other[1:]) & set(first)


def test_runs_are_shared_with_other_studies_of_the_trajectory() -> None:
    chosen = {row.run_id for row in planned(ShapleyPoints(orders=8)).rows}
    line = planned(CumulativePoints()).rows
    shared = {(row.step, row.seed) for row in line if row.run_id in chosen}
    ends = {(step, seed) for step in (START, NANO.step_names[-1]) for seed in SEEDS}
    assert {*ends, *((name, 0) for name in NANO.step_names)} <= shared

    with_ends = {row.run_id for row in planned(ShapleyPoints(orders=2, ends=True)).rows}
    assert {row.run_id for row in planned(LeaveOneOutPoints()).rows} <= with_ends
    other = {row.run_id for row in planned(ShapleyPoints(orders=8, draw=1)).rows}
    assert other & chosen


def test_as_many_orders_as_fit_into_a_number_of_runs() -> None:
    fitting = planned(ShapleyPoints(runs=120))
    number = len(design(ShapleyPoints(runs=120)).orders) - 1
    assert number % 2 == 0
    assert rows(fitting) == rows(planned(ShapleyPoints(orders=number)))
    assert len(fitting.rows) <= 120 < len(planned(ShapleyPoints(orders=number + 2)).rows)


def test_a_group_comes_as_one_player() -> None:
    chosen = design(ShapleyPoints(orders=4, group=[PAIR[::-1]]))
    assert all(tuple(PAIR) in order and len(order) == 11 for order in chosen.orders)
    for point in chosen.points():
        assert len({name in point.steps for name in PAIR}) == 1
    alone = {point.label: point.steps for point in design(ShapleyPoints(orders=4)).points()}
    both = {point.label: point.steps for point in chosen.points()}
    assert alone.keys() & both.keys()
    assert all(alone[label] == both[label] for label in alone.keys() & both.keys())


def test_ends_are_without_each_step_and_with_it_alone_where_that_is_a_network() -> None:
    points = design(ShapleyPoints(orders=2, ends=True)).points()
    all_seeds = {frozenset(point.steps) for point in points if point.seeds is None}
    every = frozenset(NANO.step_names)
    assert {every - {name} for name in every if name != "depthwise"} <= all_seeds
    assert every - {*PAIR} in all_seeds
    assert {frozenset({name}) for name in every if name != "move_depthwise_up"} <= all_seeds
    assert frozenset(PAIR) in all_seeds
    assert len(all_seeds) == 2 + 12 + 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "it gives neither"),
        ({"orders": 2, "runs": 90}, "it gives both"),
        ({"orders": 0}, r"points\.orders is 0, expected 1 or more"),
        ({"orders": 1001}, r"points\.orders is 1001, expected 1000 or fewer"),
        ({"runs": 20}, r"points\.runs is 20, but .* first that is drawn need 3\d runs"),
        ({"orders": 2, "draw": -1}, r"points\.draw is -1"),
        ({"orders": 2, "group": [["widht", "width"]]}, "points.group has 'widht'.* mean width"),
        ({"orders": 2, "group": [["width", "width"]]}, "points.group has 'width' twice"),
        ({"orders": 2, "group": [["width"]]}, "points.group: .* needs two steps or more"),
        ({"orders": 2, "group": [PAIR, ["width", PAIR[0]]]}, "'depthwise' is in a group already"),
        ({"orders": 2, "group": [["width", "kernel_size_5"]]}, "another setting of a step"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        design(replace(ShapleyPoints(), **options)).check()  # type: ignore[arg-type]


OWN = """
trajectories:
  mine:
    title: Mine
    start: [nano_resnet]
    steps:
      depthwise: depthwise
      up: move_depthwise_up
      gelu: {steps: activation=gelu, alternatives: {silu: activation=silu}}
studies:
  mine: {trajectory: mine, points: {kind: shapley, orders: 3}, data: digits, seeds: [0, 1]}
"""


def own(tmp_path: Path, *overrides: str, text: str = OWN) -> Study:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return resolve_study(read_source(path), "mine", overrides)


def test_all_orders_of_a_trajectory_of_ones_own(tmp_path: Path) -> None:
    """Three orders there are; alternatives are no players; one order is its own mirror image."""
    plan = make_plan(own(tmp_path))
    found = {row.steps for row in plan.rows}
    assert not plan.illegal
    assert found == {
        (),
        ("depthwise",),
        ("gelu",),
        ("depthwise", "up"),
        ("depthwise", "gelu"),
        ("depthwise", "up", "gelu"),
    }
    with pytest.raises(ValueError, match=r"points\.orders is 4, but there are only 3 orders"):
        own(tmp_path, "points.orders=4")
    whole = make_plan(own(tmp_path, "points.orders=null", "points.runs=500"))
    assert {row.steps for row in whole.rows} == found


def test_what_a_file_says_is_placed(tmp_path: Path) -> None:
    for override, words in (
        ("points.group=[[up, gellu]]", r"points\.group has 'gellu'.*Did you mean gelu"),
        ("points.antithetic=perhaps", r"points\.antithetic is 'perhaps'"),
        ("points.alternatives=true", "only for cumulative"),
        ("points.match={gmacs: end}", r"points\.match has no meaning for points\.kind=shapley"),
        ("trajectory=null", "trajectory"),
        ("seeds={first: 2, most: 4, until: {half_width: 0.5}}", "seeds has a rule, .*=shapley"),
    ):
        with pytest.raises(ValueError, match=words):
            own(tmp_path, override)
    steps = "".join(f"      s{number}: kernel_size={2 * number + 5}\n" for number in range(15))
    long = OWN.replace("      depthwise: depthwise\n", steps).replace(
        "      up: move_d", "      d: d"
    )
    long = long.replace("d: depthwise_up", "d: depthwise")
    with pytest.raises(ValueError, match=r"points\.kind=shapley: the trajectory has 17 steps"):
        own(tmp_path, text=long)
