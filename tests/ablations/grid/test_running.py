"""`ablate run` on real networks: small, but through every part, in processes of their own."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ablations.board.refreshing import BoardRefresher
from ablations.cli import main
from ablations.store.runs import INDEX, STATUS, RunFolder, run_path, study_path
from tests.support.fake_runs import fake_row
from tests.support.project import PROJECT

EXPERIMENTS = """\
recipes:
  tiny: {epochs: 2, batch_size: 16}
studies:
  small:
    title: two networks
    trajectory: convnext_nano
    points:
      kind: explicit
      lists: {start: [], wide: [depthwise, width]}
    data: {name: digits, image_size: 8, train_limit: 40, test_limit: 20}
    recipe: tiny
"""


@dataclass(frozen=True)
class Done:
    """A finished `ablate run` of the study above."""

    options: list[str]
    root: Path
    process: "subprocess.CompletedProcess[str]"


def options_for(folder: Path) -> list[str]:
    path = folder / "experiments.yaml"
    path.write_text(EXPERIMENTS)
    return ["--file", str(path), "--runs", str(folder / "runs")]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("grid")
    options = options_for(folder)
    process = subprocess.run(
        [sys.executable, "-m", "ablations", "run", "small", *options, "hardware.accelerator=cpu"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=False,
    )
    return Done(options, folder / "runs", process)


def read(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command prints with --json."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_runs_are_trained_and_the_next_commands_named(done: Done) -> None:
    assert (done.process.returncode, done.process.stderr) == (0, "")
    assert "small: 2 of 2 runs done" in done.process.stdout
    for verb in ("report", "board"):
        assert f"`{shlex.join(['ablate', verb, 'small', *done.options])}`" in done.process.stdout
    index = json.loads((study_path(done.root, "small") / INDEX).read_text())
    assert [row["point"] for row in index["rows"]] == ["00_start", "01_wide"]
    assert all(row["params"] > 0 for row in index["rows"])
    for row in index["rows"]:
        folder = RunFolder(run_path(done.root, row["run_id"]))
        assert folder.state() == "done"
        assert len(folder.metrics()) == 2


def test_plan_and_status_read_the_folders(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    planned = read(capsys, "plan", "small", *done.options, "--no-time")
    status = read(capsys, "status", "small", *done.options)

    assert [row["state"] for row in planned] == ["done", "done"]
    assert [row["run_id"] for row in status] == [row["run_id"] for row in planned]
    for row in status:
        assert (row["state"], row["epoch"], row["epochs"]) == ("done", 2, 2)
        assert 0 <= row["metrics"]["val/top1"] <= 100
        assert row["seconds"] > 0


def test_another_recipe_makes_the_results_stale(
    done: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read(capsys, "plan", "small", *done.options, "--no-time", "recipe.lr=0.5")

    assert [row["state"] for row in rows] == ["stale", "stale"]


def test_again_trains_nothing(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.root.rglob(STATUS)}

    assert main(["run", "small", *done.options]) == 0
    assert "2 of 2 runs done" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in done.root.rglob(STATUS)} == before
    assert len(before) == 2


def test_show_explains_a_run(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    found = read(capsys, "show", "small/wide/0", *done.options)

    assert found["labels"]["point"] == "01_wide"
    assert found["state"] == "done"
    assert found["change"]["from"] == "depthwise"
    assert found["change"]["fields"] == [["widths", [16, 32, 64], [28, 56, 112]]]
    assert found["change"]["params"] > 0
    assert (
        "Linear(in_features=448, out_features=1000, bias=True)" in found["change"]["modules_added"]
    )
    assert found["environment"]["sessions"][0]["versions"]["torch"]
    assert len(found["metrics"]) == 2
    assert found["summary"]["params"] == found["params"]

    again = read(capsys, "show", found["run_id"], *done.options)
    short = read(capsys, "show", found["run_id"].rsplit("-", 1)[-1], *done.options)
    assert again == short == found
    assert read(capsys, "show", "small/start/0", *done.options)["change"] is None
    with pytest.raises(SystemExit):
        main(["show"])
    assert main(["show", "digits-seed0", *done.options]) == 2
    assert "names 2 runs" in capsys.readouterr().err

    assert main(["show", "small/wide/0", *done.options]) == 0
    text = capsys.readouterr().out
    assert "widths: [16, 32, 64] -> [28, 56, 112]" in text
    assert "last of 2 epochs" in text


def test_report_compares_them(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    rows = read(capsys, "report", "small", *done.options)

    assert [row["step"] for row in rows] == ["start", "wide"]
    assert all(0 <= row["top1_mean"] <= 100 for row in rows)


def test_a_damaged_file_is_reported_and_the_rest_goes_on(
    done: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sorted(done.root.rglob(STATUS))[0]
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    try:
        rows = read(capsys, "status", "small", *done.options)
        planned = read(capsys, "plan", "small", *done.options, "--no-time")
    finally:
        path.write_text(text)

    damaged = next(row for row in rows if row["run_id"] == path.parent.name)
    assert damaged["state"] == "failed"
    assert STATUS in damaged["message"]
    assert sorted(row["state"] for row in rows) == ["done", "failed"]
    assert sorted(row["state"] for row in planned) == ["done", "failed"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("recipe.optimizer=adamv", ["recipe.optimizer", "nearest: adam"]),
        ("recipe.schedule=cosin", ["recipe.schedule", "cosine"]),
        ("recipe.warmup_epochs=2", ["recipe.warmup_epochs"]),
        ("recipe.batch_size_per_device=5", ["recipe.batch_size_per_device=5", "4 or 8"]),
        ("recipe.precision=16-mixed", ["recipe.precision"]),
        ("hardware={accelerator: gpu, devices: 64}", ["hardware."]),
    ],
)
def test_what_cannot_run_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, words: list[str]
) -> None:
    cpu = [] if override.startswith("hardware") else ["hardware.accelerator=cpu"]
    options = options_for(tmp_path)

    assert main(["run", "small", *options, "--workers", "0", *cpu, override]) == 2
    err = capsys.readouterr().err
    for word in words:
        assert word in err
    assert not (tmp_path / "runs" / "all").exists()
    assert not (tmp_path / "runs" / "studies").exists()


def test_a_failed_run_is_told_with_its_reason_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*options_for(tmp_path), "--workers", "0", "hardware.accelerator=cpu"]

    assert main(["run", "small", *options, "recipe.lr=1000", "recipe.optimizer=sgd"]) == 1
    out = capsys.readouterr().out
    assert "00_start seed 0 failed: FloatingPointError" in out
    assert "0 of 2 runs done" in out
    overrides = ["hardware.accelerator=cpu", "recipe.lr=1000", "recipe.optimizer=sgd"]
    command = shlex.join(["ablate", "run", "small", *overrides, *options_for(tmp_path)])
    assert f"`{command}` again trains what is missing" in out


@pytest.mark.parametrize(("rows", "renewals"), [(10, [1, 1]), (10_000, [1, 1]), (100_000, [0, 0])])
def test_the_board_is_renewed_in_proportion(
    rows: int, renewals: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[object] = []
    monkeypatch.setattr(
        "ablations.board.server.refresh", lambda _study, runs_root, runs: renewed.append(runs)
    )
    clock = [100.0]
    monkeypatch.setattr("ablations.board.refreshing.time.monotonic", lambda: clock[0])
    board = BoardRefresher("study", tmp_path, rows=rows)
    for _ in range(5):
        board(fake_row(0, "finish"))
        clock[0] += 0.01
    assert renewed == []
    board.finish()
    board.finish()
    assert [len(renewed)] == renewals[:1]
    clock[0] += 1000
    board(fake_row(1, "finish"))
    assert len(renewed) == renewals[1] + 1
    ended = {fake_row(number, "finish").run_id for number in ((1,) if renewals[0] else (0, 1))}
    assert renewed[-1] == (None if rows == 10 else ended)
