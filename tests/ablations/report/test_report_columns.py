"""Columns are registered: one object brings a value to every table."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablations import report
from ablations.compare.columns import COLUMNS, ReportColumn, measured
from ablations.compare.records import load_study
from ablations.compare.tables import columns, rich_table
from tests.support.fabricate import fabricate_study


@pytest.fixture
def own_column() -> Iterator[None]:
    """The validation accuracy after the last epoch, which no table shows."""
    COLUMNS.register("mine", measured("val/top1", "val (%)", decimals=1, drop_order=13))
    yield
    COLUMNS.forget("mine")


@pytest.mark.usefixtures("own_column")
def test_a_registered_column_is_in_every_table(tmp_path: Path) -> None:
    fabricate_study(tmp_path, seeds=[0, 1])
    paths = report.write_report("made_up", runs_root=tmp_path)
    study = load_study("made_up", runs_root=tmp_path)
    (first, *_) = report.rows("made_up", runs_root=tmp_path)

    seeds = [float(run.summary["val/top1"]) for run in study.points[0].runs if run.summary]
    mean = sum(seeds) / len(seeds)
    assert first.values["val/top1"] == json.loads(paths.json.read_text())[0]["val/top1"] == mean
    assert paths.csv.read_text().splitlines()[0].endswith(",val/top1")
    for path in (paths.markdown, paths.html, paths.latex):
        assert "val (" in path.read_text()
        assert f"{mean:.1f}" in path.read_text()


@pytest.mark.usefixtures("own_column")
def test_the_highest_drop_order_is_hidden_first(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    rows, study = (
        report.rows("made_up", runs_root=tmp_path),
        load_study("made_up", runs_root=tmp_path),
    )
    assert [column.heading for column in columns(rows, design=study.design)][-1] == "val (%)"
    _, left_out = rich_table(rows, design=study.design, title="t", width=120)
    assert left_out[0] == "val (%)"
    _, left_out = rich_table(rows, design=study.design, title="t", width=1)
    assert not {"step", "seeds", "top-1 (%)", "Δ previous step [95 %]"} & set(left_out)


@pytest.mark.usefixtures("own_column")
def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match=r"report column 'mine' exists already, from .*\.py:\d+"):
        COLUMNS.register("mine", measured("val/loss", "loss"))


@pytest.mark.parametrize("key", ["top1_mean", "adopted", "params"])
def test_a_column_does_not_take_the_place_of_another_number(tmp_path: Path, key: str) -> None:
    fabricate_study(tmp_path)
    COLUMNS.register("late", ReportColumn(values=lambda point: {key: 99.0}))
    try:
        with pytest.raises(ValueError, match=rf"\.py:\d+: .*'late' gives '{key}', which reports"):
            report.rows("made_up", runs_root=tmp_path)
    finally:
        COLUMNS.forget("late")


@pytest.mark.parametrize("value", ["high", True, [1.0]])
def test_a_value_that_is_no_number_is_named_with_its_file(tmp_path: Path, value: object) -> None:
    fabricate_study(tmp_path)
    run = load_study("made_up", runs_root=tmp_path).runs[0]
    summary = {**(run.summary or {}), "mine": value}
    (run.folder / "summary.json").write_text(json.dumps(summary))
    point = load_study("made_up", runs_root=tmp_path).points[0]
    with pytest.raises(ValueError, match=r"summary\.json: mine is .*, expected a number"):
        measured("mine", "mine").values(point)
