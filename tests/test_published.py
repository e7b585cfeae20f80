"""The published curves: complete, keyed by our steps, and equal to what the paper prints."""

import pytest

from ablations.published import published_curve
from lit_models import START, TRAJECTORIES, Trajectory

WITH_CURVE = [t for t in TRAJECTORIES.values() if t.published is not None]


@pytest.mark.parametrize("trajectory", WITH_CURVE, ids=lambda t: t.name)
def test_every_step_and_alternative_has_a_published_row(trajectory: Trajectory) -> None:
    curve = published_curve(str(trajectory.published))
    assert set(curve.steps) == {START, *trajectory.by_name}


def test_values_of_table_10() -> None:
    curve = published_curve("table10_resnet50_regime")
    printed = {
        "start": (78.82, 0.07, 4.09),
        "patchify_stem": (79.51, 0.18, 4.42),
        "depthwise": (78.28, 0.08, 2.35),
        "kernel_size": (80.57, 0.14, 4.15),
        "kernel_size_9": (80.57, 0.06, 4.21),
        "fewer_activations": (81.27, 0.06, 4.15),
        "separate_downsampling": (81.97, 0.06, 4.49),
    }
    rows = {name: curve.steps[name] for name in printed}
    assert {n: (row.top1, row.std, row.gflops) for n, row in rows.items()} == printed
    assert (curve.reference.name, curve.reference.top1) == ("Swin-T", 81.3)
    assert curve.before.top1 == 76.13


def test_misprints_are_kept_as_printed_and_named() -> None:
    curve = published_curve("table10_resnet50_regime")
    noted = {name for name, row in curve.steps.items() if row.note}
    assert noted == {"bn_to_ln", "separate_downsampling"}
    assert curve.steps["bn_to_ln"].gflops == 4.46


def test_table_11_has_single_runs_without_std() -> None:
    curve = published_curve("table11_resnet200_regime")
    assert {row.std for row in curve.steps.values()} == {None}
    assert curve.seeds == 1
    assert (curve.steps["start"].top1, curve.steps["separate_downsampling"].top1) == (81.14, 83.6)


def test_same_setting_needs_networks_data_size_and_epochs() -> None:
    curve = published_curve("table10_resnet50_regime")
    same = {"trajectory": "resnet50_to_convnext_t", "data": "imagenet"}
    assert curve.same_setting(**same, image_size=224, epochs=300)
    assert not curve.same_setting(**same, image_size=224, epochs=90)
    assert not curve.same_setting(**same, image_size=160, epochs=300)
    assert not curve.same_setting(
        trajectory="convnext_nano", data="imagenet", image_size=224, epochs=300
    )


def test_an_unknown_curve_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="table10_resnet50_regime"):
        published_curve("table_10")
