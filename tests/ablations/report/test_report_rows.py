"""Rows of the comparison, from fabricated run folders whose numbers are known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from ablations import report
from ablations.compare.comparison import study_rows
from ablations.compare.records import load_study
from ablations.compare.row import Row
from ablations.store.runs import RunFolder
from lit_models import TRAJECTORIES
from tests.support.fabricate import Made, cumulative, fabricate_study, leave_one_out, made_up_top1

NANO = TRAJECTORIES["convnext_nano"]
REQUIRED = """
    step seeds top1_mean top1_std delta delta_low delta_high published_top1 params gmacs
    images_per_s
"""


def rows_by_point(root: Path, study: str = "made_up") -> dict[str, Row]:
    return {row.point: row for row in report.rows(study, runs_root=root)}


def test_means_and_differences_are_those_of_the_files(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    rows = rows_by_point(tmp_path)
    start, first = rows["00_start"], rows["01_stage_ratio"]
    assert start.top1 == {seed: made_up_top1(0, seed) for seed in range(3)}
    assert start.top1_mean == pytest.approx(50.1)
    assert start.top1_std == pytest.approx(0.1)
    # Position 0 rises by 0.1 a seed, position 1 falls: differences 0.5, 0.3, 0.1.
    assert first.delta == pytest.approx(0.3)
    # Squares of 0.02 around the mean of each of 16 points; seeds, whose means are equal, explain
    # nothing and take 2 of the 32 degrees of freedom.
    error = (16 * 0.02 / 30 * 2 / 3) ** 0.5
    half = stats.t.ppf(0.975, 30) * error
    assert (first.delta_low, first.delta_high) == pytest.approx((0.3 - half, 0.3 + half))
    paired = first.delta_paired_low, first.delta_paired_high
    assert paired == pytest.approx((-0.1968, 0.7968), abs=1e-4)
    assert (first.delta_p_exact, first.delta_seeds) == (0.25, 3)
    assert first.delta_p == pytest.approx(2 * stats.t.sf(0.3 / error, 30))
    assert (start.delta, start.delta_low, start.reference) == (None, None, None)


def test_an_alternative_is_compared_with_the_step_before_the_one_it_replaces(
    tmp_path: Path,
) -> None:
    fabricate_study(tmp_path)
    rows = rows_by_point(tmp_path)
    group = [row for point, row in rows.items() if point.startswith("07")]
    assert [row.reference for row in group] == ["06_move_depthwise_up"] * 4
    assert [row.on_main_line for row in group] == [True, False, False, False]
    assert rows["08_relu_to_gelu"].reference == "07_kernel_size"


def test_published_values_stand_beside_every_point_of_the_line(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    rows = rows_by_point(tmp_path)
    assert rows["00_start"].published_top1 == 78.82
    assert rows["07a_kernel_size_5"].published_top1 == 80.35
    assert rows["12_separate_downsampling"].published_top1 == 81.97
    assert all(row.published_source == "arXiv 2201.03545, Table 10" for row in rows.values())


def test_leave_one_out_is_compared_with_the_full_network(tmp_path: Path) -> None:
    points = leave_one_out(NANO.step_names)
    fabricate_study(tmp_path, kind="leave_one_out", points=points)
    rows = rows_by_point(tmp_path)
    assert {row.reference for row in rows.values()} == {None, "00_end"}
    assert rows["05_without_inverted_bottleneck"].title == "without inverting dims"
    assert rows["00_end"].published_top1 == 81.97
    # Without the last step it is the last but one of the line; the others were not published.
    assert rows["12_without_separate_downsampling"].published_top1 == 81.47
    assert rows["05_without_inverted_bottleneck"].published_top1 is None


@pytest.mark.parametrize("kind", ["add_one_in", "factorial"])
def test_add_one_in_and_factorial_are_compared_with_the_bare_start(
    tmp_path: Path, kind: str
) -> None:
    points: list[Made] = [
        ("00_start", "start", ("depthwise",)),
        ("01_a", "width", ("depthwise", "width")),
        ("02_b", "width+kernel_size", ("depthwise", "width", "kernel_size")),
    ]
    fabricate_study(tmp_path, kind=kind, points=points)
    rows = rows_by_point(tmp_path)
    assert [row.reference for row in rows.values()] == [None, "00_start", "00_start"]
    assert rows["02_b"].title == "width ↑ + kernel sz. → 7"
    assert rows["00_start"].published_top1 is None


def test_explicit_points_keep_their_names_and_compare_with_the_longest_part(
    tmp_path: Path,
) -> None:
    points: list[Made] = [
        ("00_mine", "mine", ("depthwise",)),
        ("01_other", "other", ("width",)),
        ("02_more", "more", ("depthwise", "width", "kernel_size")),
    ]
    fabricate_study(tmp_path, kind="explicit", points=points)
    rows = rows_by_point(tmp_path)
    assert [row.reference for row in rows.values()] == [None, None, "00_mine"]
    assert [row.title for row in rows.values()] == ["mine", "other", "more"]


def test_only_seeds_on_both_sides_are_paired(tmp_path: Path) -> None:
    fabricate_study(tmp_path, states={("01_stage_ratio", 1): "failed"})
    row = rows_by_point(tmp_path)["01_stage_ratio"]
    assert (row.seeds, row.planned_seeds, row.delta_seeds) == (2, 3, 2)
    expected = [made_up_top1(1, seed) - made_up_top1(0, seed) for seed in (0, 2)]
    assert row.delta == pytest.approx(sum(expected) / 2)


def test_one_seed_has_a_difference_and_no_interval(tmp_path: Path) -> None:
    fabricate_study(tmp_path, seeds=[7])
    row = rows_by_point(tmp_path)["01_stage_ratio"]
    assert row.delta is not None
    assert (row.top1_std, row.delta_low, row.delta_high) == (None, None, None)


def test_a_point_without_results_keeps_its_planned_size(tmp_path: Path) -> None:
    states = {("12_separate_downsampling", seed): "new" for seed in range(3)}
    fabricate_study(tmp_path, states=states)
    row = rows_by_point(tmp_path)["12_separate_downsampling"]
    assert (row.seeds, row.top1_mean, row.delta, row.values["images_per_s"]) == (
        0,
        None,
        None,
        None,
    )
    assert (row.params, row.gmacs) == (1015, 0.001)


def test_ema_is_reported_beside_the_raw_weights(tmp_path: Path) -> None:
    fabricate_study(tmp_path, ema=True)
    row = rows_by_point(tmp_path)["00_start"]
    assert (row.top1_mean, row.values["ema_top1_mean"]) == pytest.approx((50.1, 50.35))


def test_json_has_the_documented_keys_and_survives_a_round_trip(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    found = report.to_json(report.rows("made_up", runs_root=tmp_path))
    assert len(found) == len(cumulative(NANO))
    assert set(REQUIRED.split()) <= set(found[0])
    assert json.loads(json.dumps(found)) == found
    assert found[1]["top1"] == {str(seed): made_up_top1(1, seed) for seed in range(3)}


@pytest.mark.parametrize("name", ["summary.json", "metrics.csv", "config.json", "status.json"])
def test_a_corrupted_file_makes_its_run_failed_and_no_other(tmp_path: Path, name: str) -> None:
    fabricate_study(tmp_path)
    before = load_study("made_up", runs_root=tmp_path)
    victim = before.points[2].runs[1]
    (victim.folder / name).write_text("{ half a file\n1,2,3,4")
    study = load_study("made_up", runs_root=tmp_path)
    broken = [run for run in study.runs if not run.done]
    assert [(run.point, run.seed, run.state) for run in broken] == [(victim.point, 1, "failed")]
    assert name in str(broken[0].problem)
    assert study_rows(study)[2].seeds == 2


def test_a_run_folder_that_is_gone_is_new(tmp_path: Path) -> None:
    fabricate_study(tmp_path, states={("00_start", 0): "new"})
    study = load_study("made_up", runs_root=tmp_path)
    assert study.points[0].runs[0].state == RunFolder(tmp_path / "nowhere").state() == "new"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not json", "cannot be read as JSON"),
        ('{"rows": []}', "there is no key points"),
        ('{"rows": [{"point": "a"}], "trajectory": "convnext_nano"}', "there is no key points"),
        ('{"rows": [], "trajectory": "nope", "points": "", "command": ""}', "points is ''"),
    ],
)
def test_a_damaged_index_is_refused_by_name(tmp_path: Path, content: str, words: str) -> None:
    index = fabricate_study(tmp_path) / "index.json"
    index.write_text(content)
    with pytest.raises(ValueError, match=words) as error:
        load_study("made_up", runs_root=tmp_path)
    assert str(index) in str(error.value)


def test_a_study_that_never_ran_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ablate run nothing"):
        report.rows("nothing", runs_root=tmp_path)
    with pytest.raises(ValueError, match="cannot name a study"):
        report.rows("../../etc", runs_root=tmp_path)


def test_a_published_value_beside_solved_widths_is_of_another_network(tmp_path: Path) -> None:
    line = TRAJECTORIES["resnet50_to_convnext_t"]
    points = cumulative(line, alternatives=False)[:3]
    setting: dict[str, Any] = {"data": "imagenet", "epochs": 300, "seeds": [0]}
    fabricate_study(tmp_path, trajectory=line.name, points=points, **setting)
    study = load_study("made_up", runs_root=tmp_path)
    assert {row.published_differs for row in study_rows(study)} == {None}
    matched = study_rows(replace(study, match={"unit": "gmacs", "absorbed": []}))
    assert {row.published_differs for row in matched} == {"different network"}
