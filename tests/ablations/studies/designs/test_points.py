"""Which points each design has, in which order, under which names."""

import pytest

from ablations.planning.plan import make_plan
from ablations.studies.config import Study
from ablations.studies.designs import DESIGNS, Point, Points
from ablations.studies.designs.add_one_in import AddOneInPoints
from ablations.studies.designs.cumulative import CumulativePoints
from ablations.studies.designs.explicit import ExplicitPoints
from ablations.studies.designs.factorial import FactorialPoints
from ablations.studies.designs.leave_one_out import LeaveOneOutPoints
from ablations.studies.networks import network_after
from lit_models import START, TRAJECTORIES, Trajectory

NANO = TRAJECTORIES["convnext_nano"]


def points_of(chosen: Points, trajectory: Trajectory) -> tuple[Point, ...]:
    design = DESIGNS[chosen.kind].create(chosen, trajectory=trajectory.name, published=None)
    return design.points()


THREE = ["relu_to_gelu", "kernel_size", "bn_to_ln"]


@pytest.mark.parametrize("trajectory", TRAJECTORIES.values(), ids=list(TRAJECTORIES))
def test_cumulative_is_the_trajectory(trajectory: Trajectory) -> None:
    points = points_of(CumulativePoints(), trajectory)

    assert [point.step for point in points] == [START, *trajectory.step_names]
    for number, point in enumerate(points):
        assert point.label == f"{number:02d}_{point.step}"
        assert point.steps == trajectory.step_names[:number]


def test_alternatives_branch_off_and_sort_after_their_step() -> None:
    points = points_of(CumulativePoints(alternatives=True), NANO)
    labels = [point.label for point in points]
    kernel = [point for point in points if point.step.startswith("kernel_size_")]

    assert labels == sorted(labels)
    assert len(points) == 13 + 3
    assert [p.label for p in kernel] == [
        "07a_kernel_size_5",
        "07b_kernel_size_9",
        "07c_kernel_size_11",
    ]
    assert all(p.steps == (*NANO.step_names[:6], p.step) for p in kernel)


def test_leave_one_out_starts_from_the_end() -> None:
    end, *rest = points_of(LeaveOneOutPoints(), NANO)

    assert (end.label, end.step, end.steps) == ("00_end", "end", NANO.step_names)
    assert [point.step for point in rest] == list(NANO.step_names)
    for point in rest:
        assert point.steps == tuple(s for s in NANO.step_names if s != point.step)


def test_add_one_in_starts_from_the_start_or_what_is_always_on() -> None:
    start, first, *_ = points_of(AddOneInPoints(), NANO)
    assert (start.step, start.steps) == (START, ())
    assert (first.label, first.steps) == ("01_with_stage_ratio", ("stage_ratio",))

    design = AddOneInPoints(steps=["width"], always=["kernel_size", "depthwise"])
    start, added = points_of(design, NANO)
    assert start.steps == ("depthwise", "kernel_size")
    assert added.steps == ("depthwise", "width", "kernel_size")


def test_factorial_has_every_combination_once_in_standard_order() -> None:
    points = points_of(FactorialPoints(steps=THREE), NANO)
    ordered = ("kernel_size", "relu_to_gelu", "bn_to_ln")

    assert len({point.steps for point in points}) == 8
    assert [point.label for point in points[:4]] == [
        "00_start",
        "01_kernel_size",
        "02_relu_to_gelu",
        "03_kernel_size+relu_to_gelu",
    ]
    assert points[-1].steps == ordered
    assert all(point.steps == tuple(s for s in ordered if s in point.steps) for point in points)


def test_explicit_lists_keep_their_own_order() -> None:
    lists = {"b": ["bn_to_ln", "width"], "a": []}
    points = points_of(ExplicitPoints(lists=lists), NANO)

    assert [(p.label, p.steps) for p in points] == [
        ("00_b", ("bn_to_ln", "width")),
        ("01_a", ()),
    ]


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (FactorialPoints(steps=["widht"]), "Did you mean width"),
        (LeaveOneOutPoints(steps=["width", "width"]), "'width' twice"),
        (FactorialPoints(steps=["width"], always=["width"]), "'width' twice"),
        (ExplicitPoints(lists={"a": ["kernel"]}), r"points\.lists\.a has 'kernel'"),
    ],
)
def test_steps_that_are_unknown_or_repeated_are_refused(design: Points, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        points_of(design, NANO)


def test_an_illegal_point_of_a_generated_design_is_listed_with_the_reason() -> None:
    plan = make_plan(Study(name="s", trajectory="convnext_nano", points=LeaveOneOutPoints()))

    assert len(plan.rows) == 12
    (illegal,) = plan.illegal
    assert illegal.step == "depthwise"
    assert "it needs 'depthwise'" in illegal.reason


def test_an_illegal_point_of_an_explicit_list_is_an_error() -> None:
    points = ExplicitPoints(lists={"fine": [], "wrong": ["move_depthwise_up"]})

    with pytest.raises(ValueError, match=r"wrong: step 'move_depthwise_up' cannot be applied"):
        make_plan(Study(name="s", trajectory="convnext_nano", points=points))


def test_steps_that_are_always_on_are_no_factors() -> None:
    again = FactorialPoints(steps=["width"], always=["stage_ratio"])
    rows = make_plan(Study(name="s", trajectory="convnext_nano", points=again)).rows
    assert [row.point for row in rows] == ["00_start", "01_width"]


def test_two_settings_of_one_step_are_no_network() -> None:
    """The later one would win, so that the set of steps would be two networks."""
    both = ["kernel_size", "kernel_size_9"]
    for names in (both, both[::-1]):
        with pytest.raises(ValueError, match="are settings of one step: a network has one of them"):
            network_after(names, trajectory="convnext_nano")
    same = ExplicitPoints(lists={"same": both})
    with pytest.raises(ValueError, match="same: kernel_size and kernel_size_9 are settings"):
        make_plan(Study(name="s", trajectory="convnext_nano", points=same))
    each = FactorialPoints(steps=both)
    plan = make_plan(Study(name="both", trajectory="convnext_nano", points=each))
    assert {row.step for row in plan.rows} == {START, *both}
    (illegal,) = plan.illegal
    assert set(illegal.steps) == set(both)


def test_another_setting_of_a_step_cannot_be_left_out() -> None:
    design = LeaveOneOutPoints(steps=["kernel_size", "kernel_size_9"])
    with pytest.raises(ValueError, match=r"'kernel_size_9', another setting .* cannot be left out"):
        points_of(design, NANO)
