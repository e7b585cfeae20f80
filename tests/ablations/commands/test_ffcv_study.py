"""A study on photographs that FFCV reads, from the command line, as a newcomer would."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablations.cli import main

STUDY = """
recipes:
  short:
    epochs: 1
    batch_size: 32
    augment: {crop: random_resized, interpolation: bilinear, hflip: 0.5,
              rand_augment: rand-m9-mstd0.5-inc1, random_erasing: 0.25}
studies:
  small:
    trajectory: convnext_nano
    points: {kind: explicit, lists: {resnet: [], wide: [width]}}
    data: {name: photographs, image_size: 16, train_limit: 96, test_limit: 32}
    recipe: short
    seeds: [0]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "experiments.yaml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


def test_before_the_file_is_there_the_plan_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "small", "--no-time"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Images are read by torch and Pillow: there is no data/photographs.beton." in said
    assert main(["run", "small", "data.loader=ffcv", "--workers", "0"]) == 2
    said = capsys.readouterr().err
    assert "data/photographs.beton is missing: write it with `ablate data write photographs" in said


def test_a_study_is_written_planned_run_and_reported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "write", "photographs", "--out", "data/photographs.beton"]) == 0
    assert main(["data", "check", "data/photographs.beton"]) == 0
    assert main(["plan", "small", "--no-time"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Images are read by FFCV with the compiled decoder from data/photographs.beton." in said
    assert main(["run", "small", "--workers", "1"]) == 0
    assert main(["report", "small"]) == 0
    runs = sorted((folder / "runs" / "all").iterdir())
    assert len(runs) == 2
    for run in runs:
        (session,) = json.loads((run / "provenance.json").read_text())["sessions"]
        assert session["reading"].startswith("Images are read by FFCV with the compiled decoder")
        config = json.loads((run / "config.json").read_text())
        assert config["data"]["loader"] == "ffcv"
        assert len(config["content"]) == 64


def test_a_file_with_other_content_is_another_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write = ["data", "write", "photographs", "--out", "data/photographs.beton", "--force"]
    assert main([*write, "--quality", "50"]) == 0
    assert "verified\n" in capsys.readouterr().out
    assert main(["plan", "small", "--no-time", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["state"] for row in rows} == {"stale"}


def test_a_truncated_file_is_refused_by_every_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "data" / "photographs.beton"
    path.write_bytes(path.read_bytes()[:-100])
    for command in (["plan", "small"], ["run", "small"], ["bench", "loader", str(path)]):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "photographs.beton is truncated: it has" in said
        assert said.count("\n") == 1
    assert main(["data", "check", str(path)]) == 1
    path.unlink()
