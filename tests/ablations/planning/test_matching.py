"""Studies at equal cost: what is planned, refused, left out and written down."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.cli import main
from ablations.planning import matching
from ablations.planning.cost import Cost, setting_of
from ablations.planning.counts import count_specs
from ablations.planning.plan import index_of, make_plan
from ablations.store.index_file import read_index
from ablations.store.runs import INDEX, study_path, write_json_atomic
from ablations.studies.config import Study
from ablations.studies.designs.add_one_in import AddOneInPoints
from ablations.studies.designs.cumulative import CumulativePoints
from ablations.studies.designs.design import Points
from ablations.studies.designs.explicit import ExplicitPoints
from ablations.studies.designs.factorial import FactorialPoints
from ablations.studies.designs.leave_one_out import LeaveOneOutPoints
from ablations.studies.designs.matched import Match
from lit_models.families.reference import Network
from tests.ablations.planning.matched_study import MATCHED, OWN_WIDTHS

END = Match(gmacs="end")


def study(points: Points) -> Study:
    return replace(MATCHED, points=points, seeds=[0])


def matched(match: Match) -> Study:
    return study(CumulativePoints(match=match))


def test_every_point_costs_what_was_asked_for_as_the_counter_counts_it() -> None:
    plan = make_plan(MATCHED)
    assert plan.match is not None
    setting = setting_of(plan.data)
    assert setting is not None
    chosen = ("00_start", "02_patchify_stem", "03_depthwise", "07_kernel_size")
    costs = count_specs([plan.networks[p] for p in chosen], setting, runs_root=None)
    end = make_plan(OWN_WIDTHS).networks["12_separate_downsampling"]
    target = count_specs([end], setting, runs_root=None)[end].gmacs
    assert all(abs(cost.gmacs / target - 1) <= 0.005 for cost in costs.values())
    matching.check_counted(
        replace(plan.match, found={p: plan.match.found[p] for p in chosen}), costs
    )


def test_a_step_that_only_sets_widths_is_left_out_by_name() -> None:
    plan = make_plan(MATCHED)
    assert plan.match is not None
    assert [one.point.label for one in plan.match.absorbed] == ["04_width"]
    assert plan.match.absorbed[0].into == "03_depthwise"
    assert "04_width" not in {row.point for row in plan.rows}
    (said,) = [note for note in matching.match_notes(plan.match) if "04_width" in note]
    assert "absorbed by the match" in said


@pytest.mark.parametrize(
    ("points", "gone"),
    [
        (LeaveOneOutPoints(match=END, steps=["width", "kernel_size"]), ["01_without_width"]),
        (AddOneInPoints(match=END, steps=["width", "bn_to_ln"]), ["01_with_width"]),
        (
            FactorialPoints(match=END, steps=["width", "bn_to_ln"]),
            ["01_width", "03_width+bn_to_ln"],
        ),
        (ExplicitPoints(match=END, lists={"a": [], "b": ["width"], "c": ["bn_to_ln"]}), ["01_b"]),
    ],
    ids=["leave one out", "add one in", "factorial", "explicit"],
)
def test_every_design_on_a_trajectory_can_be_matched(points: Points, gone: list[str]) -> None:
    plan = make_plan(study(points))
    assert plan.match is not None
    assert [one.point.label for one in plan.match.absorbed] == gone
    assert all(abs(one.error) <= 0.005 for one in plan.match.found.values())


def test_runs_share_ids_with_the_study_of_own_widths() -> None:
    own = {(row.point, row.seed): row.run_id for row in make_plan(OWN_WIDTHS).rows}
    plan = make_plan(MATCHED)
    assert {(row.point, row.seed): row.unmatched for row in plan.rows} == {
        key: run for key, run in own.items() if key[0] != "04_width"
    }
    ends = [row for row in plan.rows if row.point == "12_separate_downsampling"]
    assert all(row.run_id == row.unmatched for row in ends)
    assert plan.match is not None
    assert plan.match.absorbed[0].unmatched == {s: own["04_width", s] for s in (0, 1, 2)}


def test_how_a_network_was_found_is_no_part_of_it() -> None:
    end = make_plan(matched(END))
    assert end.match is not None
    number = Match(gmacs=end.match.budget.target, within=0.01)
    assert {row.run_id for row in make_plan(matched(number)).rows} >= {
        row.run_id for row in end.rows if abs(end.match.found[row.point].error) < 0.002
    }


def test_what_cannot_come_near_enough_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"cannot come within 0.00% of .*nearest with widths \d+"):
        make_plan(matched(Match(gmacs="end", within=1e-7)))
    with pytest.raises(ValueError, match=r"study matched: points.match.params: .*come within"):
        make_plan(matched(Match(params=5)))


def test_the_counter_has_the_last_word() -> None:
    plan = make_plan(study(AddOneInPoints(match=END, steps=["bn_to_ln"])))
    assert plan.match is not None
    wrong: dict[Network, Cost] = {one.spec: Cost(1, 1.0, 1) for one in plan.match.found.values()}
    with pytest.raises(ValueError, match=r"point 00_start was solved as .* is counted as 1 GMACs"):
        matching.check_counted(plan.match, wrong)


def test_the_index_says_what_was_matched(tmp_path: Path) -> None:
    plan = make_plan(MATCHED)
    index = index_of(plan, "ablate run matched")
    write_json_atomic(study_path(tmp_path, "matched") / INDEX, index)
    found = read_index("matched", tmp_path)
    assert found is not None
    match = found["match"]
    assert (match["unit"], match["asked"], match["within"]) == ("gmacs", "end", 0.005)
    assert [one["point"] for one in match["absorbed"]] == ["04_width"]
    assert all(row["unmatched"] for row in found["rows"])
    assert "match" not in index_of(make_plan(OWN_WIDTHS), "")


def test_an_index_whose_unmatched_run_is_a_path_is_refused(tmp_path: Path) -> None:
    index = index_of(make_plan(MATCHED), "ablate run matched")
    index["rows"][0]["unmatched"] = "../../elsewhere"
    write_json_atomic(study_path(tmp_path, "matched") / INDEX, index)
    with pytest.raises(ValueError, match="elsewhere"):
        read_index("matched", tmp_path)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("{gmacs: end, params: end}", "leave one out"),
        ("{gmacs: 0}", "above 0"),
        ("{gmacs: ende}", "end"),
        ("{gmacs: end, within: 0}", "points.match.within is 0"),
        ("{gmacs: end, within: 3}", "points.match.within is 3"),
        ("{within: 0.01}", "no meaning without"),
        ("{gmac: end}", "gmacs"),
        ("{gmacs: .nan}", "no number"),
        ("end", "expected a mapping"),
    ],
)
def test_bad_matches_are_refused_with_their_place(
    said: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "studies:\n  m: {like: convnext_nano, points: {kind: cumulative, match: " + said + "}}\n"
    )
    assert main(["plan", "m", "--file", str(file), "--no-time", "--runs", str(tmp_path)]) != 0
    error = capsys.readouterr().err
    assert reason in error
    assert f"{file}:2" in error


def test_points_without_a_trajectory_are_not_matched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["plan", "convmixer_nano", "points.match.gmacs=end", "--runs", str(tmp_path)]
    assert main([*words, "--no-time"]) != 0
    assert "points.match has no meaning for points.kind=grid" in capsys.readouterr().err


def test_show_claims_no_change_for_solved_widths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "studies:\n  m: {like: convnext_nano, points: {kind: cumulative, match: {gmacs: end}}}\n"
    )
    words = ["--file", str(file), "--runs", str(tmp_path), "--json"]
    assert main(["show", "m/03_depthwise/0", *words]) == 0
    assert json.loads(capsys.readouterr().out)["change"] is None
    assert main(["show", "m/separate_downsampling/0", *words]) == 0
    shown = json.loads(capsys.readouterr().out)["change"]
    assert shown is not None  # the end has its own widths
