"""What a report says of single test images and classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations import report
from ablations.compare.records import load_study
from ablations.predictions.analysis import PREDICTIONS
from ablations.predictions.classes import class_accuracy, confusion, most_confused
from ablations.predictions.collected import collect
from ablations.predictions.results import Results, results
from ablations.report.write import ReportPaths
from ablations.store.image_predictions import read_image_predictions
from ablations.store.runs import IMAGE_PREDICTIONS
from lit_models import TRAJECTORIES
from tests.support.fabricate import cumulative, fabricate_networks, fabricate_study
from tests.support.image_predictions import predict_study, predictions, write_predictions

POINTS = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)[:4]
SHARES = {label: 0.6 + 0.1 * number for number, (label, _, _) in enumerate(POINTS)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four points in a line, each better than the one before, three seeds each."""
    fabricate_study(tmp_path, points=POINTS)
    predict_study(tmp_path, SHARES)
    return tmp_path


def results_of(root: Path) -> Results:
    study = load_study("made_up", runs_root=root)
    found = results(study, report.rows("made_up", runs_root=root))
    assert found is not None
    return found


def section(root: Path) -> str:
    """The text of the section, tables and sentences."""
    study = load_study("made_up", runs_root=root)
    found = PREDICTIONS.section(study, report.rows("made_up", runs_root=root))
    assert found is not None
    cells = [cell for t in found.tables for line in (t.headings, *t.rows) for cell in line]
    return "\n".join([*cells, *found.sentences])


def written(root: Path) -> tuple[ReportPaths, dict[str, Any]]:
    paths = report.write_report("made_up", runs_root=root)
    return paths, json.loads((paths.json.parent / "predictions.json").read_text())


def test_differences_are_those_of_the_table(root: Path) -> None:
    _, first, *_ = report.rows("made_up", runs_root=root)
    pair = results_of(root).pairs[0]
    assert pair.split.mean == pytest.approx(pair.delta, abs=1e-9)
    assert (pair.delta, pair.low, pair.high) == (first.delta, first.delta_low, first.delta_high)
    assert pair.mean_fixed - pair.mean_broken == pytest.approx(1000 * pair.delta / 100)


def test_new_images_widen_every_interval(root: Path) -> None:
    for pair in results_of(root).pairs:
        assert pair.new_low is not None
        assert pair.new_high is not None
        assert pair.low is not None
        assert pair.high is not None
        assert pair.new_low < pair.low < pair.high < pair.new_high
        assert pair.images_error == pytest.approx((pair.split.image / 1000) ** 0.5)


def test_every_form_of_the_report_says_it(root: Path) -> None:
    paths, data = written(root)
    stems = [path.stem for path in paths.figures]
    assert stems[-2:] == ["classes", "confusion"]
    for path in (paths.html, paths.markdown):
        text = path.read_text()
        for words in ("Image by image", "12 of 12 finished runs kept", "on new ones", "class 3"):
            assert words in text, path.name
    assert (data["images"], data["runs"], data["class_images"]) == (1000, 12, [250] * 4)
    (last,) = (d for d in data["differences"] if d["point"] == POINTS[-1][0])
    assert last["seeds"] == [0, 1, 2]
    assert last["mcnemar_p"] <= last["mcnemar_p_holm"] < 0.05
    whole = data["first_to_last"]
    assert (whole["reference"], whole["point"]) == (POINTS[0][0], POINTS[-1][0])
    for counts in data["confusion"].values():
        assert np.sum(counts, axis=1).tolist() == [750] * 4
    for point, values in data["class_accuracy"].items():
        row = next(r for r in json.loads(paths.json.read_text()) if r["point"] == point)
        assert np.mean(values) == pytest.approx(row["top1_mean"])  # classes of one size


def test_runs_of_earlier_versions_say_nothing(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS)
    study, rows = (
        load_study("made_up", runs_root=tmp_path),
        report.rows("made_up", runs_root=tmp_path),
    )
    assert PREDICTIONS.section(study, rows) is None
    assert PREDICTIONS.details(study, rows) is None
    assert not PREDICTIONS.figures(study, rows)


def test_one_run_of_an_earlier_version_is_told_how_to_catch_up(root: Path) -> None:
    run = load_study("made_up", runs_root=root).runs[0]
    (run.folder / IMAGE_PREDICTIONS).unlink()
    found = results_of(root)
    assert tuple(found.pairs[0].fixed) == (1, 2)  # the seeds that both have
    text = section(root)
    assert "11 of 12 finished runs kept" in text
    assert "summary.json is deleted" in text


def test_a_damaged_file_is_named_and_stops_no_report(root: Path) -> None:
    path = load_study("made_up", runs_root=root).runs[0].folder / IMAGE_PREDICTIONS
    path.write_bytes(path.read_bytes()[:-100])
    assert results_of(root).found.runs == 11
    assert f"{path} cannot be read" in section(root)


def test_other_images_are_not_compared(root: Path) -> None:
    other = load_study("made_up", runs_root=root).points[1].runs[1].folder
    labels = np.arange(1000)[::-1] % 4
    draws = np.random.default_rng(0)
    write_predictions(other, predictions(labels, labels, classes=4, draws=draws))
    found = results_of(root)
    assert tuple(found.pairs[0].fixed) == (0, 2)
    assert "is of other test images" in str(found.found.problems)


def test_one_seed_has_counts_and_no_interval(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS, seeds=[0])
    predict_study(tmp_path, SHARES)
    pair = results_of(tmp_path).pairs[0]
    assert (pair.low, pair.new_low, pair.error) == (None, None, None)
    assert pair.p == pytest.approx(pair.p_by_seed[0])
    assert "on new images [95 %]" not in section(tmp_path)


def test_many_classes_are_listed(tmp_path: Path) -> None:
    networks = {"plain": ["nano_convnext"], "kernel-3": ["nano_convnext", "kernel_size=3"]}
    fabricate_networks(tmp_path, networks)
    predict_study(tmp_path, {"00_plain": 0.7, "01_kernel-3": 0.9}, classes=30)
    paths, data = written(tmp_path)
    assert "confusion" not in data
    assert data["first_to_last"] is None
    assert len(data["most_confused"]["00_plain"]) == 20
    assert data["most_confused"]["00_plain"][0].keys() == {"label", "predicted", "percent"}
    assert not any(path.stem in ("classes", "confusion") for path in paths.figures)
    assert "taken for" in paths.markdown.read_text()


def test_accuracy_and_confusion_of_each_class(root: Path) -> None:
    found = collect(load_study("made_up", runs_root=root))
    assert found is not None
    point = POINTS[0][0]
    kept = read_image_predictions(load_study("made_up", runs_root=root).points[0].runs[2].folder)
    assert kept is not None
    assert found.classes[point][2].tolist() == kept.classes.tolist()
    counts = confusion(found, point)
    shares = 100 * np.diag(counts) / counts.sum(1)
    assert class_accuracy(found, point) == pytest.approx(shares)
    worst = most_confused(100 * counts / counts.sum(1, keepdims=True), most=3)
    assert all(pair.predicted == (pair.label + 1) % 4 for pair in worst)  # as it was made up
    assert [pair.percent for pair in worst] == sorted((100 - shares).tolist(), reverse=True)[:3]


def test_a_class_without_an_image_is_no_number(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS[:2])
    predict_study(tmp_path, SHARES, classes=4)
    for run in load_study("made_up", runs_root=tmp_path).runs:
        kept = read_image_predictions(run.folder)
        assert kept is not None
        draws = np.random.default_rng(run.seed)
        labels = np.minimum(kept.labels, 2)
        write_predictions(run.folder, predictions(labels, kept.classes, classes=5, draws=draws))
    data = results_of(tmp_path).plain()
    assert data["class_accuracy"][POINTS[0][0]][3:] == [None, None]
