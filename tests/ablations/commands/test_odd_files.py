"""Odd files of runs and studies, and every verb that reads them: one sentence, no traceback."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations import report
from ablations.board import server
from ablations.cli import main
from ablations.store.runs import RunFolder, run_path
from lit_models import TRAJECTORIES
from tests.support.fabricate import Made, cumulative, fabricate_study

STUDY = "convnext_nano"
SHORT: list[Made] = cumulative(TRAJECTORIES[STUDY], alternatives=False)[:2]
RUN = "fashion_mnist-seed0-000000000000"
DEEP = "[" * 100_000
FOLDER = object()  # a folder where the file should be

SUMMARIES: Mapping[str, tuple[Any, str]] = {
    "NaN": ('{"test/top1": 10.0, "test/loss": NaN}', "test/loss is nan"),
    "infinity": ('{"test/top1": 1e999}', "test/top1 is inf"),
    "null": ('{"test/top1": null}', "test/top1 is None, expected a number"),
    "text": ('{"test/top1": "high"}', "test/top1 is 'high', expected a number"),
    "true": ('{"test/top1": true}', "test/top1 is True, expected a number"),
    "another metric": ('{"test/top1": 1, "val_ema/top1": "x"}', "val_ema/top1 is 'x'"),
    "epochs": ('{"test/top1": 1, "epochs": "x"}', "epochs is 'x', expected a whole number"),
    "nothing": ("{}", "there is no key test/top1"),
    "a list": ("[]", "holds no JSON object"),
    "deep": (DEEP, "nested deeper than"),
    "half": ('{"test/top1"', "cannot be read as JSON"),
    "bytes": (b"\xff\xfe", "cannot be read as JSON"),
    "folder": (FOLDER, "cannot be read as JSON"),
    "huge": (f'{{"test/top1": {"9" * 5000}}}', "cannot be read as JSON"),
    "large": (f'{{"test/top1": {"9" * 400}}}', "expected a number"),
}
METRICS: Mapping[str, tuple[Any, str]] = {
    "NaN": ("epoch,val/top1\n1,nan\n", "val/top1 is nan in epoch 1"),
    "text": ("epoch,val/top1\n1,high\n", "cannot be read as CSV"),
    "no epoch": ("val/top1\n1.0\n", "epoch is None in row 1"),
    "odd epochs": ("epoch,val/top1\n1,2\n3,4\n", "epoch is 3.0 in row 2, expected 2"),
    "short row": ("epoch,val/top1\n1\n", "not as many cells"),
    "nul": ("epoch,val/top1\n1,\0\n", "cannot be read as CSV"),
    "folder": (FOLDER, "cannot be read as CSV"),
}
CONFIGS: Mapping[str, tuple[Any, str]] = {
    "nothing": ("{}", "has no key 'spec'"),
    "data": ('{"data": 3}', "data is 3, expected an object"),
    "data name": ('{"data": {"name": ["x"]}}', "data.name is ['x'], expected text"),
    "epochs": ('{"recipe": {"epochs": null}}', "recipe.epochs is None"),
    "labels": ('{"labels": {"steps": "abc"}}', "labels.steps is 'abc', expected a list"),
    "NaN": ('{"seed": NaN}', "seed is nan"),
    "deep": (DEEP, "nested deeper than"),
    "folder": (FOLDER, "cannot be read as JSON"),
}
PROVENANCES: Mapping[str, tuple[Any, str]] = {
    "sessions": ('{"sessions": ["x"]}', "sessions[0] is 'x', expected an object"),
    "git": ('{"sessions": [{"git": {"diff_sha256": 3}}]}', "sessions[0].git.diff_sha256 is 3"),
    "gpus": ('{"sessions": [{"hardware": {"gpus": 1}}]}', "hardware.gpus is 1, expected a list"),
    "versions": ('{"sessions": [{"versions": {"a": 1}}]}', "versions.a is 1, expected text"),
}
STATUSES: Mapping[str, tuple[Any, str]] = {
    "nothing": ("{}", "there is no key state"),
    "state": ('{"state": "over"}', "state is 'over'"),
    "metrics": ('{"state": "done", "metrics": {"val/top1": "x"}}', "metrics.val/top1 is 'x'"),
    "epoch": ('{"state": "done", "epoch": "x"}', "epoch is 'x', expected a whole number"),
    "NaN": ('{"state": "done", "seconds": NaN}', "seconds is nan"),
    "folder": (FOLDER, "cannot be read as JSON"),
}
OF_RUNS = {
    "summary.json": SUMMARIES,
    "metrics.csv": METRICS,
    "config.json": CONFIGS,
    "provenance.json": PROVENANCES,
    "status.json": STATUSES,
}
INDEXES: Mapping[str, tuple[Any, str]] = {
    "nothing": ("{}", "there is no key points"),
    "rows": ('{"points": "x", "trajectory": "", "command": "", "rows": 3}', "rows is 3"),
    "row": ('{"points": "x", "trajectory": "", "command": "", "rows": [3]}', "rows[0] is 3"),
    "a list": ("[]", "holds no JSON object"),
    "deep": (DEEP, "nested deeper than"),
    "bytes": (b"\xff", "cannot be read as JSON"),
    "folder": (FOLDER, "cannot be read as JSON"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    fabricate_study(root, study=STUDY, points=SHORT, seeds=(0, 1))
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "runs")


def put(path: Path, content: Any) -> None:
    path.unlink()
    if content is FOLDER:
        path.mkdir()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    ("file", "kind"), [(file, kind) for file, kinds in OF_RUNS.items() for kind in kinds]
)
def test_a_run_with_an_odd_file_is_left_out_by_name_and_the_rest_goes_on(
    root: Path, capsys: pytest.CaptureFixture[str], file: str, kind: str
) -> None:
    content, words = OF_RUNS[file][kind]
    path = run_path(root, RUN) / file
    put(path, content)
    rows = report.rows(STUDY, runs_root=root)
    assert list(rows[0].top1) == [1]  # the other seed
    assert rows[1].delta_seeds == 1
    report.print_terminal(STUDY, runs_root=root)
    said = "".join(capsys.readouterr().out.split())
    assert "".join(str(path).split()) in said
    assert "".join(words.split()) in said
    server.refresh(STUDY, runs_root=root)
    assert main(["status", STUDY, "--runs", str(root)]) == 0
    capsys.readouterr()
    for verb in ("show", "evaluate", "export"):
        more = ["--format", "torch"] if verb == "export" else []
        code = main([verb, f"{STUDY}/start/0", *more, "--runs", str(root)])
        out, err = capsys.readouterr()
        assert code == (2 if err else 0)
        assert err.count("\n") <= 1, err
        assert "Traceback" not in out + err
    if file != "config.json":
        assert RunFolder(path.parent).config()


def test_a_whole_report_is_written_beside_an_odd_summary(root: Path) -> None:
    path = run_path(root, RUN) / "summary.json"
    put(path, SUMMARIES["NaN"][0])
    paths = report.write_report(STUDY, runs_root=root)
    for text in (paths.markdown.read_text(), paths.html.read_text()):
        assert f"{path}" in text
        assert "test/loss is nan, which is no number" in text
    assert "NaN" not in paths.json.read_text()
    put(path, "{}")
    state, message = RunFolder(path.parent).health()
    assert (state, str(path) in str(message)) == ("failed", True)  # `ablate run` goes on from it


@pytest.mark.parametrize("kind", INDEXES)
def test_an_odd_index_is_one_sentence_for_every_verb(
    root: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    content, words = INDEXES[kind]
    path = root / "studies" / STUDY / "index.json"
    put(path, content)
    place = f"{STUDY}/start/0"
    verbs = [["status", STUDY], ["report", STUDY], ["board", STUDY], ["show", place]]
    verbs += [["plan", STUDY, "--no-time"], ["evaluate", place]]
    verbs += [["export", place, "--format", "torch"]]
    for verb in verbs:
        assert main([*verb, "--runs", str(root)]) == 2
        out, err = capsys.readouterr()
        assert str(path) in err
        assert words in err
        assert f"`ablate run convnext_nano --runs {root}` writes it again" in err
        assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spec": {}}, "spec: fields"),
        ({"spec": {"timm": 3, "drop_path_rate": 0.0, "image_size": None}}, "spec.name: expected"),
        ({"data": {"name": "nothing"}}, "data.name: data set 'nothing' is unknown"),
        ({"data": {"name": "digits", "colour": 1}}, "colour"),
        ({"data": {"name": "digits", "val_fraction": "${x}"}}, "data.val_fraction is '${x}'"),
    ],
)
def test_what_a_run_was_made_of_is_checked_before_it_is_shown(
    root: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], words: str
) -> None:
    path = run_path(root, RUN) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert main(["show", f"{STUDY}/start/0", "--runs", str(root)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"ablate: {path}: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_runs_folder_that_is_a_file_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").write_text("")
    for verb in ("status", "report", "plan", "board", "run"):
        assert main([verb, STUDY, "--runs", str(tmp_path / "runs")]) == 2
        assert "is a file: name a folder with --runs" in capsys.readouterr().err
