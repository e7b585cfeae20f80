"""STUDY/POINT/SEED is the run that the study's report shows, for every command that takes it."""

import json
from pathlib import Path

import pytest

from ablations.cli import main
from ablations.compare.records import load_study
from ablations.evaluation.subject import find_subject
from ablations.planning.find_run import find_run
from ablations.planning.plan import make_plan
from ablations.planning.run_config import to_plain
from ablations.store.index_file import read_index
from ablations.studies.study_file import read_source, resolve_study
from lit_models import TRAJECTORIES
from tests.support.fabricate import Made, cumulative, fabricate_study

STUDY = "convnext_nano"  # of the project's own experiments.yaml: other runs than the index has
SHORT: list[Made] = cumulative(TRAJECTORIES[STUDY], alternatives=False)[:2]
SHOWN = "fashion_mnist-seed0-000000000000"  # in the index, so in the report


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Runs of the plan, and the runs of a later `ablate run STUDY recipe.epochs=4`."""
    fabricate_study(tmp_path, study=STUDY, points=SHORT, seeds=(0, 1))
    for row in make_plan(resolve_study(read_source(), STUDY)).rows[:2]:
        folder = tmp_path / "all" / row.run_id
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(to_plain(row.config, row.run_id)))
    for folder in (tmp_path / "all").iterdir():
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "last.ckpt").write_bytes(b"weights")
    return tmp_path


@pytest.mark.parametrize("name", ["start/0", "00_start/0", "00_s/0"])
def test_a_place_in_a_study_is_the_run_that_its_report_shows(root: Path, name: str) -> None:
    found = find_run(f"{STUDY}/{name}", root=root, file=None, planned=True)
    assert found.run_id == load_study(STUDY, runs_root=root).runs[0].run_id == SHOWN
    assert found.config["recipe"]["epochs"] == 4
    assert found.reason is not None
    assert SHOWN in found.reason
    subject = find_subject(f"{STUDY}/{name}", root=root, file=None)  # of evaluate and export
    assert subject.path == root / "all" / SHOWN / "checkpoints" / "last.ckpt"
    assert subject.reason == found.reason


def test_show_says_which_run_it_took(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", f"{STUDY}/start/0", "--runs", str(root)]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith(f"{STUDY}/start/0 is run {SHOWN} of the last `ablate run`")
    assert second.startswith(f"{SHOWN}  done")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("patchify/0", "names 0 runs of the last .*; it has 00_start/0, 00_start/1"),  # planned
        ("start/7", "names 0 runs"),
        ("start", "names 2 runs of the last .*: 00_start/0, 00_start/1"),
    ],
)
def test_what_the_index_has_not_or_twice_is_refused(root: Path, name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find_run(f"{STUDY}/{name}", root=root, file=None, planned=True)


def test_of_a_study_that_never_ran_only_a_plan_can_be_shown(tmp_path: Path) -> None:
    planned = find_run(f"{STUDY}/start/0", root=tmp_path, file=None, planned=True)
    assert planned.reason is not None
    assert "has not run yet" in planned.reason
    with pytest.raises(ValueError, match=r"nothing of study 'convnext_nano' has run in"):
        find_run(f"{STUDY}/start/0", root=tmp_path, file=None)
    with pytest.raises(ValueError, match="nothing of study"):
        find_subject(f"{STUDY}/start/0", root=tmp_path, file=None)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("point", "../../../../outside", r"rows\[1\]: '\.\./\.\./\.\./\.\./outside' is no label"),
        ("point", "/abs", "is no label"),
        ("point", "00_start", r"rows\[1\]: point 00_start has seed 0 twice"),
        ("run_id", "../../../x", "is no run id"),
        ("run_id", 3, r"rows\[1\]\.run_id is 3, expected text"),
        ("seed", -1, r"rows\[1\]\.seed is -1"),
        ("seed", True, r"rows\[1\]\.seed is True, expected a whole number"),
        ("steps", "abc", r"rows\[1\]\.steps is 'abc', expected a list"),
    ],
)
def test_names_in_an_index_are_checked_like_those_typed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    key: str,
    value: object,
    words: str,
) -> None:
    path = fabricate_study(tmp_path / "runs", study=STUDY, points=SHORT, seeds=[0]) / "index.json"
    index = json.loads(path.read_text())
    index["rows"][1][key] = value
    path.write_text(json.dumps(index))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=words):
        read_index(STUDY, tmp_path / "runs")
    for verb in ("status", "report", "board", "plan", "show"):
        name = f"{STUDY}/start/0" if verb == "show" else STUDY
        rest = ["--no-time"] if verb == "plan" else []
        assert main([verb, name, "--runs", str(tmp_path / "runs"), *rest]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"ablate: {path}: ")
        assert f"`ablate run convnext_nano --runs {tmp_path / 'runs'}` writes it again" in said
    assert sorted(tmp_path.rglob("*")) == before
