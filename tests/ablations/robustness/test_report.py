"""What a report says of robustness, recomputed from the stored answers by other code."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ablations import report
from ablations.compare.records import StudyRecord, load_study
from ablations.files.markup import NOTHING
from ablations.report.robustness_scalars import write_scalars
from ablations.report.write import ReportPaths
from ablations.robustness.analysis import ROBUSTNESS
from ablations.store.runs import run_path
from datamodules.corruptions.names import CORRUPTIONS
from tests.support.event_files import by_step, read
from tests.support.fabricate import fabricate_study
from tests.support.robustness.made_up import (
    LABELS,
    POINTS,
    QUICK,
    STUDY,
    answer_study,
    answered_study,
    image_list,
)

SEEDS, SEVERITIES = (0, 1), (1, 3, 5)
FEW = {
    key: share
    for key, share in QUICK.items()
    if not key.startswith("corruptions/") or key.split("/")[1] in ("fog", "snow")
}
SET = "handwritten digits-C (in memory)"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps and two seeds on digits, with the answers of the suite `quick`."""
    folder = tmp_path_factory.mktemp("runs")
    answered_study(folder)
    return folder


@pytest.fixture(scope="module")
def paths(root: Path) -> ReportPaths:
    return report.write_report(STUDY, runs_root=root)


@pytest.fixture(scope="module")
def data(paths: ReportPaths) -> dict[str, Any]:
    return details(paths)


@pytest.fixture(scope="module")
def right(root: Path) -> Mapping[tuple[str, int], Mapping[str, NDArray[np.bool_]]]:
    """By point and seed, what is right under each condition, from the files themselves."""
    found = {}
    for run in load_study(STUDY, runs_root=root).runs:
        answers = {}
        for path in (run.folder / "robustness").glob("*/*-*.npz"):
            if path.parent.name != "images":
                name = path.stem.rpartition("-")[0].replace("-", "/")
                answers[f"{path.parent.name}/{name}"] = np.load(path)["correct"]
        found[run.point, run.seed] = answers
    return found


def details(paths: ReportPaths) -> dict[str, Any]:
    (path,) = (path for path in paths.details if path.stem == "robustness")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def said(root: Path) -> tuple[dict[str, Any], str]:
    """The plain data, and all text of the section: what a report has, without its figures."""
    rows = report.rows(STUDY, runs_root=root)
    found = ROBUSTNESS.details(study(root), rows)
    tables, sentences = section(root)
    cells = [cell for table in tables for line in table for cell in line]
    assert found is not None
    return json.loads(json.dumps(found)), "\n".join([*cells, sentences])


def study(root: Path) -> StudyRecord:
    return load_study(STUDY, runs_root=root)


def section(root: Path) -> tuple[list[list[list[str]]], str]:
    """The cells of each table with its headings, and all sentences."""
    found = ROBUSTNESS.section(study(root), report.rows(STUDY, runs_root=root))
    assert found is not None
    tables = [[[*line] for line in (table.headings, *table.rows)] for table in found.tables]
    return tables, "\n".join(found.sentences)


def errors(answers: Mapping[str, NDArray[np.bool_]]) -> dict[str, list[float]]:
    """Error rates by corruption, one a severity."""
    return {
        name: [1 - float(np.mean(answers[f"corruptions/{name}/{s}"])) for s in SEVERITIES]
        for name in CORRUPTIONS
    }


def test_every_value_of_the_corruptions(data: Any, right: Any) -> None:
    values = data["robustness"][SET]
    for (point, seed), answers in right.items():
        mine, theirs = errors(answers), errors(right[LABELS[0], seed])
        clean = 1 - float(np.mean(answers["clean/clean"]))
        first_clean = 1 - float(np.mean(right[LABELS[0], seed]["clean/clean"]))
        mean = fmean(fmean(of) for of in mine.values())
        ratios = [sum(mine[name]) / sum(theirs[name]) for name in CORRUPTIONS]
        sums = sum(map(sum, mine.values())) / sum(map(sum, theirs.values()))
        relative = [
            sum(e - clean for e in mine[name]) / sum(e - first_clean for e in theirs[name])
            for name in CORRUPTIONS
        ]
        by_hand = {
            "clean top-1": 100 * (1 - clean),
            "mean corrupted error": 100 * mean,
            "mCE (first step)": 100 * fmean(ratios),
            "ratio of sums (first step)": 100 * sums,
            "relative mCE (first step)": 100 * fmean(relative),
            "retained accuracy": 100 * (1 - mean) / (1 - clean),
        }
        assert values.keys() == by_hand.keys()
        for name, value in by_hand.items():
            assert values[name][point][str(seed)] == pytest.approx(value), (name, point, seed)


def test_every_value_of_single_conditions(data: Any, right: Any) -> None:
    expected = {
        ("handwritten digits, patches dropped", "top-1 random/0.5"): "occlusion/random/0.5",
        ("handwritten digits, attacked", "top-1 fgsm/1_255"): "attacks/fgsm/1_255",
        ("handwritten digits, attacked", "top-1 fgsm/8_255"): "attacks/fgsm/8_255",
    }
    for (title, metric), key in expected.items():
        for (point, seed), answers in right.items():
            found = data["robustness"][title][metric][point][str(seed)]
            assert found == pytest.approx(100 * np.mean(answers[key]))


def test_changes_are_paired_by_seed_and_by_image(data: Any, right: Any) -> None:
    changes = data["changes"][SET]["mean corrupted error"]
    assert changes.keys() == set(LABELS[1:])
    for before, point in pairwise(LABELS):
        wrong = {
            (label, seed): 1
            - np.mean([right[label, seed][k] for k in QUICK if "corruptions" in k], axis=0)
            for label in (before, point)
            for seed in SEEDS
        }
        by_image = 100 * np.mean([wrong[point, s] - wrong[before, s] for s in SEEDS], axis=0)
        found = changes[point]
        assert found["reference"] == before
        assert found["seeds"] == [0, 1]
        assert found["delta"] == pytest.approx(by_image.mean())
        assert found["images_error"] == pytest.approx(stdev(by_image) / len(by_image) ** 0.5)
        assert found["low"] < found["delta"] < found["high"]
        assert found["p"] <= found["p_holm"] <= 1
        assert found["mcnemar_p"] is None  # of one condition only


def test_pairing_is_worth_it(data: Any, right: Any) -> None:
    """The images are the same for all: the error of a difference is below that of unpaired ones."""
    found = data["changes"][SET]["mean corrupted error"][LABELS[1]]["images_error"]
    keys = [key for key in QUICK if key.startswith("corruptions/")]
    each = [
        100 * np.mean([right[label, seed][k] for k in keys for seed in SEEDS], axis=0)
        for label in LABELS[:2]
    ]
    unpaired = sum(float(np.var(of, ddof=1)) / len(of) for of in each) ** 0.5
    assert found < 0.5 * unpaired


def test_changes_by_corruption(data: Any, right: Any) -> None:
    for before, point in pairwise(LABELS):
        cells = data["corruptions"][SET][point]
        assert [*cells] == ["clean", *CORRUPTIONS, "mean"]
        for name in CORRUPTIONS:
            keys = [f"corruptions/{name}/{severity}" for severity in SEVERITIES]
            gain = np.mean(
                [
                    100.0 * right[point, s][k] - 100.0 * right[before, s][k]
                    for s in SEEDS
                    for k in keys
                ],
                axis=0,
            )
            assert cells[name]["change"] == pytest.approx(gain.mean())
            assert cells[name]["standard_error"] == pytest.approx(stdev(gain) / len(gain) ** 0.5)
        error = data["changes"][SET]["mean corrupted error"][point]
        assert cells["mean"]["change"] == pytest.approx(-error["delta"])
        assert cells["mean"]["standard_error"] == pytest.approx(error["images_error"])


def test_the_table_has_means_and_deviations(root: Path, data: Any) -> None:
    (values, changes, corruptions), _ = section(root)
    column = values[0].index(f"{SET}: mean corrupted error (%)")
    for label, line in zip(LABELS, values[1:], strict=True):
        both = list(data["robustness"][SET]["mean corrupted error"][label].values())
        assert line[column] == f"{fmean(both):.2f} ± {stdev(both):.2f}"
    assert values[1][values[0].index("mCE (first step) (%)")] == "100"
    assert len(changes) == len(corruptions) == 3
    assert changes[1][:2] == ["stage ratio", "ResNet-nano"]


def test_json_says_what_the_numbers_are_of(data: Any) -> None:
    about = data["sets"][SET]
    assert about["in_memory"] is True
    assert about["definition"] == [1]
    assert about["images"] == 200
    assert about["severities"] == [1, 3, 5]
    assert about["corruptions"] == list(CORRUPTIONS)
    assert (about["weights"], about["evaluation_seed"]) == ("raw", 0)
    assert data["metrics"][SET]["mean corrupted error"]["better"] == "lower"
    assert data["reference"] == LABELS[0]


def test_rows_have_the_values_and_tables_a_column(paths: ReportPaths, data: Any) -> None:
    rows = json.loads(paths.json.read_text())
    key = f"robustness/{SET}/mean corrupted error"
    for row in rows:
        assert row[key] == data["robustness"][SET]["mean corrupted error"][row["point"]]
    assert f"{SET}: mean corrupted error (%)" in paths.markdown.read_text().split("## ")[0]
    assert key in paths.csv.read_text()


def test_every_form_of_the_report_has_the_section(paths: ReportPaths) -> None:
    for path in (paths.html, paths.markdown):
        text = path.read_text()
        for words in ("Robustness", "retained accuracy", "half of the patches dropped", "fog"):
            assert words in text, path.name
    (tex,) = paths.tables
    text = tex.read_text()
    assert tex.name == "robustness.tex"
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 2
    assert "retained accuracy (\\%)" in text
    for line in text.splitlines():
        assert not line.endswith("&")


def test_scalars_lie_beside_those_of_the_training_and_never_twice(root: Path, data: Any) -> None:
    assert write_scalars(study(root)) == 6
    assert write_scalars(study(root)) == 6
    for run in study(root).runs:
        folder = run.folder / "tensorboard"
        assert len(list(folder.glob("*robustness*"))) == 1
        events = read(folder)
        assert by_step(events, "val/top1").keys() == {1, 2, 3, 4}
        values = by_step(events, f"robustness/{SET}/mean corrupted error")
        expected = data["robustness"][SET]["mean corrupted error"][run.point][str(run.seed)]
        assert values == {4: pytest.approx(expected, rel=1e-6)}
        assert not any("mCE" in tag for tag in events.Tags()["scalars"])


def test_a_step_that_was_not_evaluated_has_a_dash(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS, seeds=SEEDS, data="digits")
    answer_study(tmp_path, FEW, points=LABELS[:2])
    (values, *_), _ = section(tmp_path)
    assert set(values[3][1:]) == {NOTHING}
    assert NOTHING not in values[2]
    write_scalars(study(tmp_path))
    last = study(tmp_path).points[2].runs[0].folder
    assert not list((last / "tensorboard").glob("*robustness*"))


def test_stale_results_never_appear(tmp_path: Path) -> None:
    answered_study(tmp_path, wrong=FEW, version=0)
    data, text = said(tmp_path)
    assert data["robustness"] == {}
    assert data["stale"] == 6 * len(FEW)
    assert f"{6 * len(FEW)} stale results left out" in text
    assert "ablate robustness made_up" in text
    assert "mean corrupted error" not in text
    answer_study(tmp_path, FEW, points=LABELS[:1])
    data, _ = said(tmp_path)
    assert data["robustness"][SET]["mean corrupted error"].keys() == {LABELS[0]}


def test_only_shared_images_are_compared_and_the_report_says_so(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS, seeds=SEEDS, data="digits")
    answer_study(tmp_path, FEW, points=LABELS[:2])
    answer_study(tmp_path, FEW, points=LABELS[2:], images=image_list(range(100, 300)))
    data, text = said(tmp_path)
    assert data["sets"][SET]["images"] == 100
    assert "only the 100 shared ones are compared" in text
    run = study(tmp_path).points[0].runs[0]
    keys = [key for key in FEW if key.startswith("corruptions/")]
    wrong = []
    for key in keys:
        name = key.removeprefix("corruptions/").replace("/", "-")
        (path,) = (run.folder / "robustness" / "corruptions").glob(f"{name}-*.npz")
        wrong.append(1 - np.load(path)["correct"][100:].mean())
    found = data["robustness"][SET]["mean corrupted error"][LABELS[0]]["0"]
    assert found == pytest.approx(100 * fmean(wrong))


def test_one_seed_is_about_networks_and_not_about_steps(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS, seeds=[0], data="digits")
    answer_study(tmp_path, FEW)
    (_, changes, _), said = section(tmp_path)
    assert "of these networks, not of these steps" in said
    assert not any("[95 %]" in heading for heading in changes[0])
    assert "std. error: images" in changes[0]
    assert "McNemar p" in changes[0]


def test_a_half_evaluated_step_is_left_out_by_name(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS, seeds=SEEDS, data="digits")
    answer_study(tmp_path, FEW, points=LABELS[:2])
    few = {key: FEW[key] for key in list(FEW)[:3]}
    answer_study(tmp_path, few, points=LABELS[2:])
    data, text = said(tmp_path)
    assert data["robustness"][SET]["mean corrupted error"].keys() == set(LABELS[:2])
    assert "patchify stem with seed 0, which has answered 2 of 6 conditions" in text


def test_a_study_without_answers_says_nothing(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS, seeds=[0], data="digits")
    rows = report.rows(STUDY, runs_root=tmp_path)
    assert ROBUSTNESS.section(study(tmp_path), rows) is None
    assert ROBUSTNESS.details(study(tmp_path), rows) is None
    assert ROBUSTNESS.latex(study(tmp_path), rows) is None
    assert not ROBUSTNESS.figures(study(tmp_path), rows)
    assert not any(key.startswith("robustness") for row in rows for key in row.values)
    assert write_scalars(study(tmp_path)) == 0


def test_damaged_answers_are_named(tmp_path: Path) -> None:
    answered_study(tmp_path, wrong=FEW)
    run = study(tmp_path).points[0].runs[0].run_id
    folder = run_path(tmp_path, run) / "robustness" / "occlusion"
    (path,) = folder.iterdir()
    path.write_bytes(b"")
    data, text = said(tmp_path)
    assert str(path) in data["problems"][0]
    assert path.name in text
    assert data["robustness"]["handwritten digits, patches dropped"]["top-1 random/0.5"][
        LABELS[0]
    ].keys() == {"1"}
