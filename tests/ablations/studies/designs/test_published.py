"""The published tables: complete, keyed by our steps or networks, and equal to what is printed."""

import json

import pytest

from ablations.studies.designs.published import PublishedTable, published_keys, published_table
from lit_models import START, TRAJECTORIES, Trajectory
from lit_models.families.reference import TimmModel, named_network
from tests.support.project import GOLDEN

WITH_CURVE = [t for t in TRAJECTORIES.values() if t.published is not None]


@pytest.mark.parametrize("trajectory", WITH_CURVE, ids=lambda t: t.name)
def test_every_step_and_alternative_has_a_published_row(trajectory: Trajectory) -> None:
    table = published_table(str(trajectory.published))
    assert set(table.rows) == {START, *trajectory.by_name}


def test_values_of_table_10() -> None:
    table = published_table("table10_resnet50_regime")
    printed = {
        "start": (78.82, 0.07, 4.09),
        "patchify_stem": (79.51, 0.18, 4.42),
        "depthwise": (78.28, 0.08, 2.35),
        "kernel_size": (80.57, 0.14, 4.15),
        "kernel_size_9": (80.57, 0.06, 4.21),
        "fewer_activations": (81.27, 0.06, 4.15),
        "separate_downsampling": (81.97, 0.06, 4.49),
    }
    rows = {name: table.rows[name] for name in printed}
    assert {n: (row.top1, row.std, row.gflops) for n, row in rows.items()} == printed
    assert table.reference is not None
    assert table.before is not None
    assert (table.reference.name, table.reference.top1) == ("Swin-T", 81.3)
    assert table.before.top1 == 76.13


def test_misprints_are_kept_as_printed_and_named() -> None:
    table = published_table("table10_resnet50_regime")
    noted = {name for name, row in table.rows.items() if row.note}
    assert noted == {"bn_to_ln", "separate_downsampling"}
    assert table.rows["bn_to_ln"].gflops == 4.46


def test_table_11_has_single_runs_without_std() -> None:
    table = published_table("table11_resnet200_regime")
    assert {row.std for row in table.rows.values()} == {None}
    assert table.seeds == 1
    assert (table.rows["start"].top1, table.rows["separate_downsampling"].top1) == (81.14, 83.6)


def test_another_setting_is_named() -> None:
    table = published_table("table10_resnet50_regime")
    row = table.rows["start"]
    assert table.other_setting(row, data="imagenet", image_size=224, epochs=300) == ()
    assert table.other_setting(row, data="imagenet", image_size=224, epochs=90) == ("epochs",)
    assert table.other_setting(row, data="imagenet", image_size=160, epochs=300) == ("image size",)
    assert "data set" in table.other_setting(row, data="digits", image_size=224, epochs=300)


def test_an_unknown_curve_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="table10_resnet50_regime"):
        published_table("table_10")


TABLES = [published_table(key) for key in published_keys()]
OF_NETWORKS = [table for table in TABLES if table.trajectory is None]
ROWS = [(table, name) for table in OF_NETWORKS for name in table.rows]
# Printed otherwise than what the released network has, as the rows' notes say
MISPRINTED = {"Robust-ResNet-Down-Inverted-DW", "MLP-MS-S", "MLP-MS-XXS"}


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, float]]:
    counts: dict[str, dict[str, float]] = json.loads(GOLDEN.read_text())
    return counts


@pytest.mark.parametrize(("table", "name"), ROWS, ids=lambda x: x if isinstance(x, str) else x.key)
def test_a_row_names_a_network_that_is_as_large_as_printed(
    table: PublishedTable, name: str, counted: dict[str, dict[str, float]]
) -> None:
    row = table.rows[name]
    assert row.network is not None
    network = named_network(row.network.split()[0])
    assert row.top1 is not None
    assert 60 < row.top1 < 90
    if isinstance(network, TimmModel) or name in MISPRINTED:
        return
    merged = counted.get(f"{row.network}_merged", counted[row.network])
    if row.params_m is not None:
        assert abs(row.params_m - merged["params"] / 1e6) < (0.6 if row.params_m % 1 == 0 else 0.06)
    if row.gflops is not None and row.image_size in (None, table.image_size):
        assert row.gflops == pytest.approx(merged["gmacs"], rel=0.02, abs=0.05)


def test_misprinted_sizes_have_notes() -> None:
    for table, name in ROWS:
        if name in MISPRINTED:
            assert table.rows[name].note


def test_values_of_the_released_tables() -> None:
    """Spot checks, one or two of each table."""
    printed = {
        ("convnext_variants", "ConvNeXt-T"): (82.1, 29, 4.5),
        ("convnext_variants", "Swin-T"): (81.3, 28, 4.5),
        ("convnext_tuned", "ConvNeXt-B-22K-384"): (86.8, 89, 45.1),
        ("convnext_tuned", "ConvNeXt-B-384"): (85.1, 89, 45.0),
        ("convnext_isotropic", "ConvNeXt-S-iso"): (79.7, 22, 4.3),
        ("convnext_isotropic", "ViT-B"): (81.8, 87, 17.6),
        ("robust_resnets", "DeiT-S"): (79.8, None, 4.6),
        ("robust_resnets", "Robust-ResNet-Up-Inverted-DW"): (79.2, 34.4, 4.43),
        ("spach", "Trans-MS-XXS"): (65.4, 2, 0.5),
        ("spach", "Hybrid-MS-S+"): (83.9, 63, 12.3),
        ("convmixer", "ConvMixer-1536-20"): (81.37, 51.6, None),
        ("replknet", "RepLKNet-31B"): (83.5, 79, 15.3),
        ("lkrobust_kernels", "kernel-31"): (81.4, None, None),
    }
    rows = {key: published_table(key[0]).rows[key[1]] for key in printed}
    assert {k: (row.top1, row.params_m, row.gflops) for k, row in rows.items()} == printed
    assert published_table("lkrobust_kernels").rows["kernel-51"].more == {
        "IN-A": 10.71,
        "IN-R": 31.77,
    }


def test_rows_say_their_own_epochs_size_and_pretraining() -> None:
    mixers, large = published_table("convmixer"), published_table("replknet")
    settings = [mixers.setting_of(row) for row in mixers.rows.values()]
    assert settings == [
        "ImageNet-1K, 224 px, 150 epochs",
        "ImageNet-1K, 224 px, 300 epochs",
        "ImageNet-1K, 224 px, epochs not known",
    ]
    xl = large.rows["RepLKNet-XL"]
    assert large.setting_of(xl).endswith("320 px, epochs not known, pretrained on MegData-73M")
    assert large.other_setting(xl, data="imagenet", image_size=320, epochs=300) == (
        "epochs",
        "pretraining",
    )


def test_the_mean_error_under_corruptions_is_not_called_mce() -> None:
    """RobustCNN's validate.py averages the errors and does not divide by AlexNet's."""
    table = published_table("robust_resnets")
    assert {heading for row in table.rows.values() for heading in row.more} == {
        *("S-IN", "IN-C error", "IN-R", "IN-SK")
    }
    assert table.note is not None
    assert "plain mean" in table.note


def test_best_epochs_are_those_of_the_codes_that_keep_them() -> None:
    best = {
        (table.key, name)
        for table in TABLES
        for name, row in table.rows.items()
        if table.is_best_epoch(row)
    }
    expected = {"table10_resnet50_regime", "table11_resnet200_regime", "convnext_variants"}
    expected |= {"convnext_tuned", "convnext_isotropic", "robust_resnets", "spach"}
    assert {key for key, _ in best} == expected
    assert ("spach", "Conv-MS-S") in best
    # other people's networks, printed beside those of the source
    assert not {("convnext_variants", "Swin-T"), ("robust_resnets", "DeiT-S")} & best
