"""Killed at any moment, an evaluation goes on from what was answered."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ablations.robustness.results.manifest import append
from ablations.robustness.results.stored import FOLDER, MANIFEST, answered
from tests.support.robustness.small_study import (
    array_files,
    in_a_process,
    kill_when,
    lines,
    robustness,
    run_folders,
)

WORDS = ("--suite", "quick", "images=16", "--json")


@pytest.fixture(scope="module")
def whole(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the study with all answers."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("whole") / "study"))
    assert robustness(folder, *WORDS) == 0
    return folder


def test_killed_and_started_again_it_writes_the_same_files(study: Path, whole: Path) -> None:
    with in_a_process(study, *WORDS) as process:
        kill_when(process, study, answers=20)
    there = lines(study)
    assert 20 <= there < lines(whole)
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*-*.npz")}
    assert robustness(study, *WORDS) == 0
    assert array_files(study) == array_files(whole)
    named = {answer.path for run in run_folders(study) for answer in answered(run).values()}
    again = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert len(again) <= 1  # what was written, but not named yet
    assert len(named) == lines(whole)


def test_two_at_the_same_time_lose_nothing(study: Path, whole: Path) -> None:
    with in_a_process(study, *WORDS) as process:
        assert robustness(study, *WORDS) == 0
        process.join()
        assert process.exitcode == 0
    assert array_files(study) == array_files(whole)
    for run, other in zip(run_folders(study), run_folders(whole), strict=True):
        assert answered(run).keys() == answered(other).keys()


def test_a_line_that_a_killed_process_did_not_finish_does_not_count(whole: Path) -> None:
    run = run_folders(whole)[0]
    manifest, before = run / FOLDER / MANIFEST, dict(answered(run))
    content = manifest.read_bytes()
    manifest.write_bytes(content + content[:40])
    assert answered(run) == before
    append(run, json.loads(content.splitlines()[-1]))
    assert manifest.read_bytes() == content + content.splitlines(keepends=True)[-1]
    assert answered(run) == before
    manifest.write_bytes(content)


def test_an_array_file_that_is_gone_is_asked_for_again(study: Path, whole: Path) -> None:
    shutil.copytree(whole / "runs", study / "runs", dirs_exist_ok=True)
    lost = next(run_folders(study)[0].rglob("fog-3-*.npz"))
    content = lost.read_bytes()
    lost.unlink()
    assert robustness(study, *WORDS) == 0
    assert lost.read_bytes() == content


def test_damage_is_told_with_the_file(study: Path, whole: Path) -> None:
    shutil.copytree(whole / "runs", study / "runs", dirs_exist_ok=True)
    run = run_folders(study)[0]
    answer = next(iter(answered(run).values()))
    answer.path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=answer.path.name):
        answer.arrays()
    manifest = run / FOLDER / MANIFEST
    manifest.write_text('{"identity": 3}\n')
    with pytest.raises(ValueError, match=r"manifest\.jsonl, line 1: .*delete the file"):
        answered(run)


def test_a_path_in_the_manifest_is_no_file_of_its(study: Path, whole: Path) -> None:
    run = run_folders(study)[0]
    shutil.copytree(run_folders(whole)[0], run, dirs_exist_ok=True)
    manifest = run / FOLDER / MANIFEST
    manifest.write_text(manifest.read_text().replace("clean/clean-", "../clean/clean-"))
    with pytest.raises(ValueError, match=r"file is '\.\./clean"):
        answered(run)


def test_nothing_is_written_through_a_link(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for run in run_folders(study):
        (run / FOLDER).symlink_to(elsewhere)
    assert robustness(study, *WORDS) == 2
    assert "is a link" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())


def test_answers_are_those_of_the_test_after_training(whole: Path) -> None:
    for run in run_folders(whole):
        (clean,) = (a for a in answered(run).values() if a.condition == "clean/clean")
        arrays = clean.arrays()
        with np.load(run / "predictions.npz") as after_training:
            images = np.load(run / FOLDER / "images" / f"{clean.decides['images']['list']}.npz")
            expected = after_training["classes"][images["indices"]]
            np.testing.assert_array_equal(arrays["predicted"], expected)
            np.testing.assert_array_equal(
                images["labels"], after_training["labels"][images["indices"]]
            )
