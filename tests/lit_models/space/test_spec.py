"""The design space refuses what is no network, and specs survive being written and read."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lit_models import SPECS, TRAJECTORIES, IllegalSpec, difference, from_dict, to_dict
from lit_models.families.resnet import BOTTLENECK
from lit_models.space.spec import (
    Block,
    Branch,
    ConvLayer,
    Downsample,
    Head,
    Init,
    Spatial,
    Stem,
)

RESNET = SPECS["resnet50"]


@pytest.mark.parametrize("name", SPECS)
def test_named_specs_survive_json(name: str) -> None:
    spec = SPECS[name]
    assert from_dict(json.loads(json.dumps(to_dict(spec)))) == spec


def test_every_point_of_every_trajectory_survives_json() -> None:
    for trajectory in TRAJECTORIES.values():
        for step in trajectory.by_name:
            spec = trajectory.spec_after(step)
            assert from_dict(json.loads(json.dumps(to_dict(spec)))) == spec


ILLEGAL_SPECS: dict[str, tuple[dict[str, Any], str]] = {
    "widths per stage": ({"widths": (64, 128)}, "one a stage"),
    "strides per stage": ({"strides": (1, 2)}, "one a stage"),
    "no stage": ({"depths": (), "widths": (), "strides": ()}, "at least one stage"),
    "depth of zero": ({"depths": (3, 0, 6, 3)}, "positive"),
    "blocks per stage": ({"blocks": (BOTTLENECK,) * 3}, "blocks has 3 entries"),
    "drop path": ({"drop_path_rate": 1.0}, "drop_path_rate"),
    "no stem": ({"stem": Stem(())}, "stem needs"),
    "stride and layers disagree": (
        {"downsample": Downsample("separate", layers=(ConvLayer(4, 4),))},
        "separate downsampling has stride 4",
    ),
    "nothing to stride": (
        {"blocks": (Block((Branch(("pointwise_in", "pointwise_out")),)),)},
        "stage 2 has none there: it needs separate downsampling",
    ),
    "ratios disagree": (
        {"blocks": (Block((BOTTLENECK.branches[0], Branch(("pointwise_out",), ratio=2.0))),)},
        "one ratio",
    ),
}


@pytest.mark.parametrize("case", ILLEGAL_SPECS)
def test_illegal_spec_is_refused_with_the_reason(case: str) -> None:
    changes, reason = ILLEGAL_SPECS[case]
    with pytest.raises(IllegalSpec, match=reason):
        replace(RESNET, **changes)


ILLEGAL_BRANCHES: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"layers": ()}, "at least one layer"),
    "layer twice": ({"layers": ("pointwise_in", "pointwise_in")}, "at most once"),
    "spatial layer without mixer": ({"layers": ("spatial",)}, "exactly when"),
    "mixer without spatial layer": (
        {"layers": ("pointwise_out",), "spatial": Spatial()},
        "exactly when",
    ),
    "order of the 1x1": ({"layers": ("pointwise_out", "pointwise_in")}, "comes before"),
    "norm nowhere": (
        {"layers": ("pointwise_out",), "norms": frozenset({"spatial"})},
        r"norms at \['spatial'\]",
    ),
    "activation nowhere": (
        {"layers": ("pointwise_out",), "activations": frozenset({"pointwise_in"})},
        "activations at",
    ),
}


@pytest.mark.parametrize("case", ILLEGAL_BRANCHES)
def test_illegal_branch_is_refused_with_the_reason(case: str) -> None:
    arguments, reason = ILLEGAL_BRANCHES[case]
    with pytest.raises(IllegalSpec, match=reason):
        Branch(**arguments)


def test_blocks_and_downsampling_are_checked() -> None:
    with pytest.raises(IllegalSpec, match="one or two branches"):
        Block(())
    with pytest.raises(IllegalSpec, match="exactly when its place is 'separate'"):
        Downsample("separate")


def test_block_at_reads_common_per_stage_and_per_block_descriptions() -> None:
    other = Block((replace(BOTTLENECK.branches[0], residual=False),))
    assert RESNET.block_at(3, 2) == BOTTLENECK
    by_stage = replace(RESNET, blocks=(BOTTLENECK, BOTTLENECK, other, BOTTLENECK))
    assert by_stage.block_at(2, 5) == other
    assert by_stage.block_at(3, 0) == BOTTLENECK
    by_block = replace(RESNET, blocks=(*(BOTTLENECK,) * 15, other))
    assert by_block.block_at(3, 2) == other
    assert by_block.block_at(3, 1) == BOTTLENECK


def test_difference_names_each_changed_field_once() -> None:
    after = replace(RESNET, norm="layer", depths=(3, 3, 9, 3))
    assert difference(RESNET, after) == (
        ("depths", [3, 4, 6, 3], [3, 3, 9, 3]),
        ("norm", "batch", "layer"),
    )
    assert difference(RESNET, RESNET) == ()


def test_reading_a_spec_names_what_is_wrong() -> None:
    data = to_dict(RESNET)
    with pytest.raises(ValueError, match=r"spec: fields \['kernel'\]"):
        from_dict({**data, "kernel": 3})
    with pytest.raises(ValueError, match=r"spec: fields \['depths'\]"):
        from_dict({key: value for key, value in data.items() if key != "depths"})
    with pytest.raises(ValueError, match=r"spec\.norm: expected one of .* found 'bach'"):
        from_dict({**data, "norm": "bach"})
    with pytest.raises(ValueError, match=r"spec\.stem: expected a mapping"):
        from_dict({**data, "stem": 4})


def test_a_field_of_a_later_version_has_its_default() -> None:
    data = to_dict(RESNET)
    older = {key: value for key, value in data.items() if key != "blur_pool"}
    assert from_dict({**older, "stem": {"layers": data["stem"]["layers"]}}) == replace(
        RESNET, stem=replace(RESNET.stem, max_pool=False)
    )


def test_specs_are_values() -> None:
    copy = from_dict(to_dict(RESNET))
    assert copy == RESNET
    assert hash(copy) == hash(RESNET)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: ConvLayer(3, width=0), "the width of a convolution is positive, found 0"),
        (lambda: Head(dropout=float("nan")), r"dropout is in \[0, 1\), found nan"),
        (lambda: Init(std=-0.02), "initial weights is positive, found -0.02"),
        (lambda: Init(std=float("inf")), "initial weights is positive, found inf"),
    ],
)
def test_numbers_that_no_network_can_have_are_refused(
    make: Callable[[], object], reason: str
) -> None:
    with pytest.raises(IllegalSpec, match=reason):
        make()
