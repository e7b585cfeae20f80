"""Random legal sets for a regression, and the corners of pairs of steps."""

from itertools import combinations

import pytest

from ablations.planning.plan import index_of, make_plan
from ablations.studies.config import Study
from ablations.studies.designs import DESIGNS, Design, Points
from ablations.studies.designs.sets.interactions import InteractionsPoints
from ablations.studies.designs.sets.random_sets import RandomPoints
from lit_models import TRAJECTORIES
from lit_models.steps.lattice import lattice_of

NANO = TRAJECTORIES["convnext_nano"]
EVERY = frozenset(NANO.step_names)
LATTICE = lattice_of(NANO)
LEGAL = {frozenset(LATTICE.names(mask)) for mask in LATTICE.legal}


def study(points: Points) -> Study:
    return Study(name="s", trajectory=NANO.name, points=points, seeds=[0, 1, 2])


def design(points: Points) -> Design:
    made = DESIGNS[points.kind].create(points, trajectory=NANO.name, published=None)
    return made.for_seeds([0, 1, 2])


def test_random_sets_are_legal_and_distinct_and_more_keep_the_earlier() -> None:
    plan = make_plan(study(RandomPoints(runs=64)))
    assert len(plan.rows) == len(plan.unique()) == 64
    assert len(plan.networks) == 60
    assert {frozenset(row.steps) for row in plan.rows} < LEGAL
    seeds = {label: [r.seed for r in plan.rows if r.point == label] for label in plan.networks}
    assert {label for label, mine in seeds.items() if len(mine) > 1} == {"00_m000", "12_mfff"}
    assert sorted(mine[0] for mine in seeds.values() if len(mine) == 1).count(1) in {19, 20}
    more = make_plan(study(RandomPoints(runs=128)))
    assert {row.run_id for row in plan.rows} < {row.run_id for row in more.rows}
    assert index_of(plan, "").get("orders") is None


def test_random_sets_hold_each_step_as_often_as_legal_sets_do() -> None:
    """Uniform draws: 2,000 of 3,072 sets have every step in its share of them."""
    points = [frozenset(point.steps) for point in design(RandomPoints(runs=2000)).points()]
    for name in EVERY:
        share = sum(name in steps for steps in LEGAL) / len(LEGAL)
        assert abs(sum(name in steps for steps in points) / len(points) - share) < 0.03


def test_what_every_random_point_has() -> None:
    always = ["move_depthwise_up", "width"]
    points = design(RandomPoints(runs=30, always=always)).points()
    assert points[0].steps == ("depthwise", "width", "move_depthwise_up")
    assert all(set(always) <= set(point.steps) for point in points)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (RandomPoints(), r"points\.runs has to say how many"),
        (RandomPoints(runs=6), r"points\.runs is 6, expected 7 to 3076"),
        (RandomPoints(runs=4000), r"points\.runs is 4000, expected 7 to 3076"),
        (RandomPoints(runs=20, draw=-1), r"points\.draw is -1"),
        (RandomPoints(runs=20, always=["widht"]), "points.always has 'widht'.*Did you mean width"),
        (RandomPoints(runs=20, always=["kernel_size_5"]), "another setting of a step"),
        (RandomPoints(runs=5, always=[*EVERY]), "no set is left to draw"),
        (InteractionsPoints(), r"points\.steps has to name two steps or more"),
        (InteractionsPoints(steps=["width"]), r"points\.steps has to name two steps or more"),
        (InteractionsPoints(steps=["width", "widht"]), "'widht'.*Did you mean width"),
        (InteractionsPoints(steps=["width", "width"]), "'width' twice"),
        (InteractionsPoints(steps=["width", "kernel_size_5"]), "another setting of a step"),
        (
            InteractionsPoints(steps=["width", "kernel_size"], always=["bn_to_ln"]),
            r"points\.always has no meaning with points\.base=end",
        ),
    ],
)
def test_options_that_cannot_be_meant(points: Points, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        design(points).check()


def test_four_corners_of_every_pair_around_the_end() -> None:
    names = ["bn_to_ln", "width", "kernel_size"]
    chosen = design(InteractionsPoints(steps=names))
    points = chosen.points()
    wanted = {EVERY} | {EVERY - {*pair} for k in (1, 2) for pair in combinations(names, k)}
    assert {frozenset(point.steps) for point in points} == wanted
    assert len(points) == 7
    assert {point.base for point in points} == {None, points[-1].label}
    assert [chosen.reference(point, points) for point in points] == [points[-1]] * 6 + [None]


def test_four_corners_around_the_start() -> None:
    chosen = InteractionsPoints(steps=["bn_to_ln", "width"], base="start", always=["depthwise"])
    steps = [set(point.steps) for point in design(chosen).points()]
    assert steps == [
        {"depthwise"},
        {"depthwise", "width"},
        {"depthwise", "bn_to_ln"},
        {"depthwise", "width", "bn_to_ln"},
    ]


def test_corners_that_are_no_network_are_listed_with_the_reason() -> None:
    plan = make_plan(study(InteractionsPoints(steps=["width", "depthwise"])))
    assert {frozenset(row.steps) for row in plan.rows} == {EVERY, EVERY - {"width"}}
    assert len(plan.illegal) == 2
    assert all("it needs 'depthwise'" in point.reason for point in plan.illegal)
    bases = {row["point"]: row.get("base") for row in index_of(plan, "")["rows"]}
    assert bases == {"11_mff7": "12_mfff", "12_mfff": None}
