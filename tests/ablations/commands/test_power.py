"""`ablate power`, before anything is trained and after some runs."""

import json
from pathlib import Path

import pytest

from ablations.cli import main
from ablations.planning.plan import PlannedRun, make_plan
from ablations.store.runs import STATUS, SUMMARY, run_path, write_json_atomic
from ablations.studies.study_file import read_source, resolve_study

OWN = """\
studies:
  s:
    trajectory: convnext_nano
    points: {kind: explicit, lists: {plain: [], ratio: [stage_ratio], same: [stage_ratio]}}
    data: digits
    seeds: [0, 1, 2]
  alone:
    trajectory: convnext_nano
    points: {kind: explicit, lists: {plain: []}}
"""
TOP1 = {"plain": (80.0, 81.0, 80.5), "ratio": (82.0, 81.6, 81.0)}


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    return ["--file", str(file), "--runs", str(tmp_path / "runs")]


def finish(root: Path, row: PlannedRun) -> None:
    folder = run_path(root, row.run_id)
    top1 = TOP1["plain" if "plain" in row.point else "ratio"][row.seed]
    write_json_atomic(folder / STATUS, {"state": "done"})
    write_json_atomic(folder / SUMMARY, {"test/top1": top1, "fit_seconds": 90.0})


def test_a_deviation_that_is_given(places: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", "s", *places, "--sd", "0.42", "--detect", "0.5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["std"], found["noise"], found["points"], found["family"]) == (0.42, None, 2, 2)
    assert [row["seeds"] for row in found["rows"]] == list(range(2, 17))
    assert [row["runs"] for row in found["rows"]] == list(range(4, 33, 2))
    assert all(row["seconds"] is None for row in found["rows"])
    few = found["detect"]["seeds"]
    by_seeds = {row["seeds"]: row["detectable"] for row in found["rows"]}
    assert by_seeds[few] <= 0.5 < by_seeds[few - 1]

    assert main(["power", "s", *places, "--sd", "0.42", "--detect", "0.5"]) == 0
    said = capsys.readouterr().out
    assert "as given" in said
    assert f"takes {few} seeds" in said


def test_finished_runs_give_deviation_and_time(
    places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = resolve_study(read_source(Path(places[1])), "s")
    for row in make_plan(study).rows:
        finish(tmp_path / "runs", row)
    # with seeds that the study does not list by itself, too
    for overrides in ([], ["seeds=[0]"]):
        assert main(["power", "s", *places, *overrides, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        # the variance of the differences 2, 0.6 and 0.5 is that of two runs
        squares = 0.9667**2 + 0.4333**2 + 0.5333**2
        assert found["std"] == pytest.approx((squares / 2 / 2) ** 0.5, rel=1e-3)
        assert found["noise"]["pooled_degrees"] == 2
        assert found["rows"][0]["seconds"] == 2 * 2 * 90.0


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["s"], "--sd 0.5"),
        (["alone", "--sd", "1"], "compares no points"),
    ],
)
def test_what_is_missing_is_said(
    words: list[str], wrong: str, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["power", *words, *places]) == 2
    said = capsys.readouterr().err
    assert wrong in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", ["0", "-1", "x", "nan", "1000"])
@pytest.mark.parametrize("option", ["--sd", "--detect"])
def test_numbers_that_cannot_be_are_refused(
    option: str, number: str, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["power", "s", *places, option, number])
    assert "above 0 and at most 100" in capsys.readouterr().err
