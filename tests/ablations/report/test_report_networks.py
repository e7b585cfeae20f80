"""The report of a study of networks, from fabricated run folders whose numbers are known."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tensorboard.plugins.hparams import metadata as hparams_metadata

from ablations import report
from ablations.board import server
from ablations.compare.comparison import study_rows
from ablations.compare.headlines import headline
from ablations.compare.printed import published_label, published_note
from ablations.compare.records import StudyRecord, load_study
from ablations.compare.row import Row
from ablations.compare.tables import columns
from ablations.figures.cost_figure import cost_figure
from ablations.figures.drawings import drawings
from ablations.figures.networks_figure import groups, networks_figure
from ablations.files.markup import NOTHING
from ablations.report.page import page
from ablations.studies.designs import Point
from ablations.studies.designs.networks import Networks
from tests.support.event_files import read
from tests.support.fabricate import fabricate_networks, made_up_top1

KERNELS: Mapping[str, Sequence[str]] = {
    "DW": ["resnet_dw"],
    "DW-5": ["resnet_dw", "kernel_size=5"],
    "DW-patch-8": ["resnet_dw", "patch_size=8"],
    "DW-patch-8-5": ["resnet_dw", "patch_size=8", "kernel_size=5"],
    "Inverted": ["resnet_inverted_dw"],
    "Inverted-5": ["resnet_inverted_dw", "kernel_size=5"],
}
RELEASED: Mapping[str, Sequence[str]] = {
    "DeiT-S": ["timm/deit_small_patch16_224"],
    "Robust-ResNet-DW": ["robust_resnet_dw_small"],
    "Robust-ResNet-Inverted-DW": ["robust_resnet_inverted_dw_small"],
}
REGIME = {"data": "imagenet", "image_size": 224, "epochs": 300}


def kernels(root: Path) -> StudyRecord:
    fabricate_networks(root, KERNELS)
    return load_study("made_up", runs_root=root)


def released(root: Path, **setting: object) -> tuple[StudyRecord, tuple[Row, ...]]:
    regime = {**REGIME, **setting}
    fabricate_networks(root, RELEASED, published="robust_resnets", **regime)  # type: ignore[arg-type]
    study = load_study("made_up", runs_root=root)
    return study, study_rows(study)


def test_a_step_is_compared_with_the_network_without_it_and_others_with_the_first(
    tmp_path: Path,
) -> None:
    rows = study_rows(kernels(tmp_path))
    assert {row.title: row.reference for row in rows} == {
        "DW": None,
        "DW-5": "00_DW",
        "DW-patch-8": "00_DW",
        "DW-patch-8-5": "02_DW-patch-8",
        "Inverted": "00_DW",
        "Inverted-5": "04_Inverted",
    }
    last = rows[-1]
    pairs = [made_up_top1(5, seed) - made_up_top1(4, seed) for seed in range(3)]
    assert last.delta == pytest.approx(sum(pairs) / 3)
    assert last.made_of == "resnet_inverted_dw kernel_size=5"
    assert all(row.on_main_line for row in rows)


def test_a_step_whose_network_is_not_in_the_study_is_compared_with_the_first(
    tmp_path: Path,
) -> None:
    some = {name: KERNELS[name] for name in ("DW", "Inverted-5")}
    fabricate_networks(tmp_path, some)
    rows = report.rows("made_up", runs_root=tmp_path)
    assert [row.reference for row in rows] == [None, "00_DW"]


def test_published_values_are_those_of_the_label_with_their_setting(tmp_path: Path) -> None:
    _, rows = released(tmp_path)
    first, second, _ = rows
    assert (first.published_top1, first.published_gmacs, first.published_params_m) == (
        79.8,
        4.6,
        None,
    )
    assert second.published_more == {"S-IN": 18.6, "IN-C error": 42.3, "IN-R": 45.9, "IN-SK": 33.0}
    assert {row.published_differs for row in rows} == {None}
    assert published_label(rows).splitlines()[:2] == [
        "published",
        "ImageNet-1K, 224 px, 300 epochs",
    ]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"epochs": 100}, "different epochs"),
        ({"image_size": 192, "epochs": 100}, "different image size, epochs"),
        ({"data": "digits"}, "another data set and scale"),
    ],
)
def test_another_setting_is_said(setting: dict[str, object], words: str, tmp_path: Path) -> None:
    _, rows = released(tmp_path, **setting)
    assert {row.published_differs for row in rows} == {words}
    assert published_label(rows).startswith(f"published: {words}\n")
    best = "They are the best epoch on the validation images (Robust-ResNet-DW, "
    last = "Robust-ResNet-Inverted-DW), ours is the last."
    assert published_note(rows).endswith(f"README: {words}. {best}{last}")


def test_a_label_on_another_network_is_said(tmp_path: Path) -> None:
    other = {**RELEASED, "Robust-ResNet-DW": ["robust_resnet_dw_small", "kernel_size=7"]}
    fabricate_networks(tmp_path, other, published="robust_resnets", **REGIME)  # type: ignore[arg-type]
    rows = report.rows("made_up", runs_root=tmp_path)
    assert [row.published_differs for row in rows] == [None, "different network", None]
    note = published_note(rows)
    assert "(Robust-ResNet-DW): different network" in note
    assert "(DeiT-S, Robust-ResNet-Inverted-DW)" in note


def test_a_published_best_epoch_is_said_wherever_it_stands_beside_a_last_one(
    tmp_path: Path,
) -> None:
    mixers = {"ConvMixer-1536-20": ["convmixer_1536_20"]}
    for study, networks, key, best in (
        ("best", {"Conv-MS-S": ["spach_ms_s_patch4_224_conv"]}, "spach", True),
        ("unknown", mixers, "convmixer", False),
    ):
        fabricate_networks(tmp_path, networks, study=study, published=key, **REGIME)  # type: ignore[arg-type]
        paths = report.write_report(study, runs_root=tmp_path)
        screen = Console(file=StringIO(), width=300)
        report.print_terminal(study, runs_root=tmp_path, console=screen)
        assert isinstance(screen.file, StringIO)
        texts = [path.read_text() for path in (paths.markdown, paths.html, paths.latex)]
        for text in (*texts, screen.file.getvalue()):
            sentence = "They are the best epoch on the validation images, ours is the last."
            assert (sentence in text) == best
        (row,) = json.loads(paths.json.read_text())
        assert row["published_best_epoch"] is best


def test_notes_of_a_whole_table_and_of_single_rows_are_told_apart(tmp_path: Path) -> None:
    isotropic = {
        "ConvNeXt-S-iso": ["convnext_isotropic_small"],
        "ViT-S": ["timm/vit_small_patch16_224"],
    }
    variants = {"ConvNeXt-T": ["convnext_tiny"]}
    for study, networks, key in (
        ("single", isotropic, "convnext_isotropic"),
        ("whole", variants, "convnext_variants"),
    ):
        fabricate_networks(tmp_path, networks, study=study, published=key, **REGIME)  # type: ignore[arg-type]
    single, whole = (
        published_note(report.rows(s, runs_root=tmp_path)) for s in ("single", "whole")
    )
    assert "On single rows: ConvNeXt-S-iso: the README of the released code prints 78.7." in single
    assert "On single rows" not in whole
    assert "averaged weights (EMA)" in whole


def test_one_reference_is_named_in_the_heading_and_several_in_a_column(tmp_path: Path) -> None:
    study, rows = released(tmp_path / "one")
    headings = [column.heading for column in columns(rows, design=study.design)]
    assert headings[:4] == ["network", "seeds", "top-1 (%)", "Δ DeiT-S [95 %]"]
    assert headings[-1] == "made of"
    assert {"published (%)", "published params (M)", "published GMACs", "published IN-R"} <= set(
        headings
    )
    several = kernels(tmp_path / "several")
    found = columns(study_rows(several), design=several.design)
    headings = [column.heading for column in found]
    assert headings[3:5] == ["Δ reference [95 %]", "reference"]
    cells = [found[4].cell(row) for row in study_rows(several)]
    assert cells == [NOTHING, "DW", "DW", "DW-patch-8", "DW", "Inverted"]


def test_the_headline_names_the_highest_and_the_lowest(tmp_path: Path) -> None:
    study = kernels(tmp_path)
    text = headline(study, study_rows(study))
    assert "highest for “DW-patch-8-5”" not in text
    assert "highest for “Inverted-5” (52.40 ± 0.10 %)" in text
    assert "lowest for “DW” (50.10 ± 0.10 %), of 6 networks" in text


def test_the_headline_of_equal_networks_names_none(tmp_path: Path) -> None:
    study = kernels(tmp_path)
    rows = [replace(row, top1_mean=50.0) for row in study_rows(study)]
    assert headline(study, rows) == "All 6 networks have 50.00 % top-1 on the test split."


@pytest.mark.parametrize(("published", "panels"), [(True, 4), (False, 3)])
def test_the_figure_names_every_network_and_has_its_costs(
    tmp_path: Path, published: bool, panels: int
) -> None:
    study = released(tmp_path)[0] if published else kernels(tmp_path)
    axes = networks_figure(study, study_rows(study)).axes
    assert len(axes) == panels
    names = [label.get_text() for label in axes[0].get_yticklabels()]
    assert names == [point.title for point in study.points]
    titles = [panel.get_title(loc="left").splitlines()[0] for panel in axes]
    assert titles == ["measured", *["published"] * (panels - 3), "multiply-adds", "parameters"]
    assert all(panel.get_xlim()[0] == 0 for panel in axes[-2:])


def test_shades_join_a_network_and_its_steps(tmp_path: Path) -> None:
    assert groups(kernels(tmp_path)) == [[0, 1, 2, 3], [4, 5]]


def test_accuracy_stands_against_both_costs_and_names_do_not_cover_each_other(
    tmp_path: Path,
) -> None:
    study, rows = released(tmp_path)
    figure = cost_figure(study, rows)
    assert [panel.get_xlabel() for panel in figure.axes] == ["GMACs", "parameters (millions)"] * 2
    for panel, dots in zip(figure.axes, (3, 3, 3, 2), strict=True):  # DeiT-S has no printed params
        boxes = [text.get_window_extent() for text in panel.texts]
        assert len(boxes) == dots
        assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))


def test_lines_go_from_a_network_to_the_same_one_with_a_step_more(tmp_path: Path) -> None:
    study = kernels(tmp_path)
    rows = study_rows(study)
    found = {row.title: [row.gmacs or 0.0, row.top1_mean or 0.0] for row in rows}
    steps = [("DW", "DW-5"), ("DW", "DW-patch-8"), ("DW-patch-8", "DW-patch-8-5")]
    panel = cost_figure(study, rows).axes[0]
    drawn = [np.asarray(line.get_xydata()) for line in panel.lines]
    lines = [line for line in drawn if len(line) == 2]
    for line, (before, after) in zip(lines, [*steps, ("Inverted", "Inverted-5")], strict=True):
        np.testing.assert_allclose(line, np.array([found[before], found[after]]))


def test_a_study_with_one_finished_network_has_every_figure(tmp_path: Path) -> None:
    labels = [f"{number:02d}_{name}" for number, name in enumerate(KERNELS)]
    states = {(label, 0): "new" for label in labels[1:]}
    fabricate_networks(tmp_path, KERNELS, seeds=[0], states=states)
    paths = report.write_report("made_up", runs_root=tmp_path)
    assert [path.name for path in paths.figures] == ["networks.svg", "cost.svg", "curves.svg"]
    assert all(path.with_suffix(".png").is_file() for path in paths.figures)
    assert "DW: 50.00 % top-1 on the test split" in paths.markdown.read_text()


def page_of(study: StudyRecord, rows: Sequence[Row]) -> str:
    return page(study, rows, dict.fromkeys(drawings(study, rows), "<svg/>"))


def test_the_page_says_what_each_network_is_and_changes(tmp_path: Path) -> None:
    study = kernels(tmp_path / "steps")
    text = page_of(study, study_rows(study))
    for words in (
        *("The networks", "Accuracy and cost", "What each network changed", "Δ reference"),
        "resnet_dw patch_size=8 kernel_size=5",
        "blocks[0].branches[0].spatial.kernel_size</code>: 3 → 5",
    ):
        assert words in text, words
    assert text.count("<svg") == 4
    assert text.count('class="card"') == len(KERNELS) - 1
    text = page_of(*released(tmp_path / "timm"))
    assert "timm/deit_small_patch16_224" in text
    assert 'class="field"' not in text  # networks of timm and ours have no field in common


def test_the_board_has_a_column_for_the_network_and_for_each_step(tmp_path: Path) -> None:
    fabricate_networks(tmp_path, KERNELS, seeds=[0], epochs=1)
    folder = server.refresh("made_up", runs_root=tmp_path)
    content = read(folder).SummaryMetadata(hparams_metadata.EXPERIMENT_TAG).plugin_data.content
    experiment = hparams_metadata.parse_experiment_plugin_data(content)
    names = [info.name for info in experiment.hparam_infos]
    assert names[-3:] == ["network", "kernel_size", "patch_size"]
    run = read(folder / "03_DW-patch-8-5" / "seed0")
    content = run.SummaryMetadata(hparams_metadata.SESSION_START_INFO_TAG).plugin_data.content
    values = hparams_metadata.parse_session_start_info_plugin_data(content).hparams
    found = {name: values[name].string_value for name in names[-3:]}
    assert found == {"network": "resnet_dw", "kernel_size": "5", "patch_size": "8"}


def test_steps_without_a_value_are_on_or_off() -> None:
    plain = Point("00_a", "a", (), "nano_convnext")
    fewer = Point("01_b", "b", ("kernel_size=3", "fewer_norms"), "nano_resnet")
    design = Networks()
    found = [design.hparams(point, [plain, fewer]) for point in (plain, fewer)]
    assert found == [
        {"network": "nano_convnext", "kernel_size": "", "fewer_norms": False},
        {"network": "nano_resnet", "kernel_size": "3", "fewer_norms": True},
    ]
