"""Steps are pure, refuse where they have nothing to edit, and are never silent."""

from dataclasses import replace
from itertools import combinations

import pytest

from lit_models import SPECS, TRAJECTORIES, IllegalStep, Step, apply_steps, parse_step
from lit_models.families.convnext import CONVNEXT_BLOCK
from lit_models.space.spec import ArchSpec, Block, Branch
from lit_models.steps import convnext
from lit_models.steps.trajectories import START, Trajectory

NANO = TRAJECTORIES["convnext_nano"]
RESNET, CONVNEXT = SPECS["resnet50"], SPECS["convnext_tiny"]


@pytest.mark.parametrize("trajectory", TRAJECTORIES.values(), ids=lambda t: t.name)
def test_a_step_applied_twice_is_refused(trajectory: object) -> None:
    assert isinstance(trajectory, type(NANO))
    for step in trajectory.steps:
        after = trajectory.spec_after(step.name)
        with pytest.raises(IllegalStep, match=step.name):
            step.apply(after)


@pytest.mark.parametrize("step", [s for s in NANO.steps if s.name != "move_depthwise_up"])
def test_each_step_alone_changes_the_start_and_leaves_it_untouched(step: Step) -> None:
    before = replace(NANO.start)
    assert step.apply(NANO.start) != NANO.start
    assert NANO.start == before


def test_moving_up_names_its_missing_requirement() -> None:
    with pytest.raises(IllegalStep, match="it needs 'depthwise'"):
        parse_step("move_depthwise_up").apply(RESNET)


REFUSALS = {
    "depthwise twice": (parse_step("depthwise"), CONVNEXT, "needs a dense spatial"),
    "inverted twice": (parse_step("inverted_bottleneck"), CONVNEXT, "narrow inside"),
    "gelu twice": (parse_step("activation=gelu"), CONVNEXT, "needs ReLU"),
    "layer norm twice": (parse_step("norm=layer"), CONVNEXT, "needs batch norm"),
    "same kernel": (parse_step("kernel_size=7"), CONVNEXT, "changes nothing"),
    "same widths": (parse_step("widths=96+192+384+768"), CONVNEXT, "changes nothing"),
    "same depths": (parse_step("depths=3+4+6+3"), RESNET, "changes nothing"),
    "other number of stages": (parse_step("widths=96+192"), CONVNEXT, "one a stage"),
    "one stage has nothing to separate": (
        parse_step("separate_downsampling"),
        replace(RESNET, depths=(4,), widths=(64,), strides=(1,)),
        "stages that downsample",
    ),
    "no pair of 1x1": (
        parse_step("fewer_activations"),
        replace(CONVNEXT, blocks=(Block((Branch(("pointwise_out",)),)),)),
        "two 1x1 convolutions",
    ),
    "no spatial norm to keep": (
        convnext.fewer_norms(layer_scale=1.0),
        replace(CONVNEXT, blocks=(Block((Branch(("pointwise_out",)),)),)),
        "spatial convolution in every block",
    ),
    "no kernel": (
        parse_step("kernel_size=5"),
        replace(CONVNEXT, blocks=(Block((Branch(("pointwise_out",)),)),)),
        "needs a spatial convolution",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_give_the_reason(case: str) -> None:
    step, spec, reason = REFUSALS[case]
    with pytest.raises(IllegalStep, match=reason):
        step.apply(spec)


def test_even_kernels_are_refused_when_the_step_is_made() -> None:
    with pytest.raises(ValueError, match="odd and positive, found 4"):
        parse_step("kernel_size=4")


def test_exactly_the_subsets_that_move_no_dense_convolution_are_legal() -> None:
    illegal = 0
    for size in range(len(NANO.steps) + 1):
        for subset in combinations(NANO.steps, size):
            names = {step.name for step in subset}
            try:
                apply_steps(NANO.start, subset)
                legal = True
            except IllegalStep:
                legal = False
            assert legal == ("move_depthwise_up" not in names or "depthwise" in names), names
            illegal += not legal
    assert illegal == 2**10


def test_no_two_subsets_of_steps_give_one_network() -> None:
    found: dict[ArchSpec, tuple[str, ...]] = {}
    for size in range(5):
        for subset in combinations(NANO.steps, size):
            try:
                spec = apply_steps(NANO.start, subset)
            except IllegalStep:
                continue
            names = tuple(step.name for step in subset)
            assert found.setdefault(spec, names) == names


@pytest.mark.parametrize("trajectory", TRAJECTORIES.values(), ids=lambda t: t.name)
def test_a_subset_of_steps_is_one_network_whatever_the_order(trajectory: Trajectory) -> None:
    """Every legal last step of every legal subset gives the subset's one network, by induction."""
    level: dict[frozenset[str], ArchSpec] = {frozenset(): trajectory.start}
    legal = 0
    while level:
        legal += len(level)
        larger: dict[frozenset[str], ArchSpec] = {}
        for names, spec in level.items():
            for step in trajectory.steps:
                if step.name not in names:
                    try:
                        after = step.apply(spec)
                    except IllegalStep:
                        continue
                    subset = names | {step.name}
                    assert larger.setdefault(subset, after) == after, sorted(subset)
        level = larger
    assert legal == 3 * 2**10  # all but those that move a dense convolution


def test_alternatives_take_the_place_of_their_step() -> None:
    branch = NANO.spec_after("kernel_size_9").branches()[0]
    assert branch.spatial is not None
    assert branch.spatial.kernel_size == 9
    assert NANO.spec_after("kernel_size_9").activation == "relu"
    assert NANO.spec_after(START) == NANO.start
    with pytest.raises(KeyError):
        NANO.spec_after("no_such_step")


def test_steps_reach_branches_of_two_branch_blocks() -> None:
    spatial, channel = (
        replace(CONVNEXT_BLOCK.branches[0], layers=("spatial",), activations=frozenset()),
        Branch(("pointwise_in", "pointwise_out"), norms=frozenset({"input"})),
    )
    two = replace(CONVNEXT, blocks=(Block((spatial, channel)),))
    larger = parse_step("kernel_size=9").apply(two).blocks[0]
    assert larger.branches[0].spatial != spatial.spatial
    assert larger.branches[1] == channel
    single = convnext.fewer_norms(layer_scale=1.0).apply(two).blocks[0]
    assert single.branches[1].norms == frozenset()
