"""What a report says of networks that were still learning when their training ended."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ablations import report
from ablations.compare.comparison import study_rows
from ablations.compare.records import RunRecord, StudyRecord, load_study
from ablations.report.convergence import CONVERGENCE, LATE_GAIN, late_gain
from ablations.report.seed_stages import SEED_STAGES
from ablations.store.runs import INDEX
from tests.support.fabricate import Made, fabricate_study

POINTS: list[Made] = [
    ("00_start", "start", ()),
    ("01_stage_ratio", "stage_ratio", ("stage_ratio",)),
    ("02_patchify_stem", "patchify_stem", ("stage_ratio", "patchify_stem")),
]


@pytest.fixture
def study(tmp_path: Path) -> StudyRecord:
    fabricate_study(tmp_path, points=POINTS)
    return load_study("made_up", runs_root=tmp_path)


def learned(run: RunRecord, top1: Sequence[float]) -> RunRecord:
    """A run with these validation accuracies, one an epoch."""
    rows = tuple({"epoch": float(e), "val/top1": v} for e, v in enumerate(top1, start=1))
    return replace(run, metrics=rows)


def with_curves(study: StudyRecord, *curves: Sequence[float]) -> StudyRecord:
    """The study with one curve for all seeds of each point."""
    points = tuple(
        replace(point, runs=tuple(learned(run, curve) for run in point.runs))
        for point, curve in zip(study.points, curves, strict=True)
    )
    return replace(study, points=points)


def said(study: StudyRecord) -> str:
    section = CONVERGENCE.section(study, study_rows(study))
    return "" if section is None else " ".join(section.sentences)


def test_the_last_quarter_is_a_quarter_of_all_epochs(study: StudyRecord) -> None:
    run = study.runs[0]
    assert late_gain(learned(run, [10, 20, 30, 34])) == pytest.approx(4)
    # of six epochs it begins in the middle of the fifth
    assert late_gain(learned(run, [10, 20, 30, 40, 50, 58])) == pytest.approx(58 - 45)
    assert late_gain(learned(run, [10, 20, 30])) is None
    assert late_gain(replace(run, metrics=())) is None


def test_networks_that_still_learned_are_named(study: StudyRecord) -> None:
    found = with_curves(study, [1, 2, 3, 4], [1, 2, 3, 6], [1, 2, 3, 3.5])
    text = said(found)
    assert "+0.50 (patchify stem) to +3.00 (stage ratio)" in text
    assert "Not converged" in text
    assert "differ in this gain by up to 2.50 points (patchify stem)" in text
    assert [row.values[LATE_GAIN] for row in study_rows(found)] == pytest.approx([1, 3, 0.5])


def test_networks_that_learned_no_more_are_not_flagged(study: StudyRecord) -> None:
    text = said(with_curves(study, *[[70, 80, 81, 81.01]] * 3))
    assert "within the intervals" in text
    assert "Not converged" not in text


def test_nothing_is_said_where_nothing_is_known(study: StudyRecord) -> None:
    assert said(with_curves(study, *[[70, 80]] * 3)) == ""
    assert "interval" not in said(
        replace(study, points=tuple(replace(p, runs=p.runs[:1]) for p in study.points))
    )


def test_the_report_has_it(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS)
    paths = report.write_report("made_up", runs_root=tmp_path)
    assert "Were the networks trained to their end?" in paths.markdown.read_text()
    assert "Were the networks trained to their end?" in paths.html.read_text()
    assert all(row[LATE_GAIN] > 0 for row in json.loads(paths.json.read_text()))


def test_a_rule_for_seeds_is_told_in_the_report(tmp_path: Path) -> None:
    path = fabricate_study(tmp_path, points=POINTS, seeds=(0, 1)) / INDEX
    study = load_study("made_up", runs_root=tmp_path)
    assert SEED_STAGES.section(study, study_rows(study)) is None

    rule = {"first": 2, "most": 8, "half_width": 0.1}
    path.write_text(json.dumps({**json.loads(path.read_text()), "seeds_rule": rule}))
    study = load_study("made_up", runs_root=tmp_path)
    section = SEED_STAGES.section(study, study_rows(study))
    assert section is not None
    text = " ".join(section.sentences)
    assert "After 2 seeds a run's standard deviation is 0.08 points" in text
    assert "most is 8" in text
    assert "Seeds 0 to 7 are trained now (runs that are not done: 18)" in text
