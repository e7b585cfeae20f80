"""Runs of earlier versions stay what they were: their ids, their files, their checkpoints.

`old_runs/DATE/` holds a run folder as it was written on that day. A new SCHEMA_VERSION makes ids
stale (not files, not checkpoints); then a folder of that day is added.
"""

import json
import shutil
from pathlib import Path

import pytest

from ablations.cli import main
from ablations.files.plain_text import as_json
from ablations.planning.identity import run_id, texts
from ablations.planning.normal_form import SCHEMA_VERSION
from ablations.planning.run_config import config_of, decides, to_plain
from ablations.run.train import train_run
from ablations.store.runs import CONFIG, PREDICTIONS, STATUS, SUMMARY, RunFolder, write_json_atomic
from lit_models.training.classifier import LitClassifier
from lit_models.weights.checkpoints import read_weights

OLD = sorted(Path(__file__).with_name("old_runs").glob("*/*"))
CHECKPOINT = Path("checkpoints") / "last.ckpt"


@pytest.fixture(params=OLD, ids=lambda folder: folder.parent.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an old run."""
    folder: Path = request.param
    return shutil.copytree(folder, tmp_path / "runs" / "all" / folder.name)


def test_there_is_one() -> None:
    assert OLD


def test_its_configuration_is_read_and_written_to_the_letter(old: Path) -> None:
    """But for fields that came later, which it has at their defaults."""
    values = RunFolder(old).whole_config()
    config = config_of(values, old / CONFIG)
    if values["schema"] != SCHEMA_VERSION:
        return
    assert run_id(decides(config)) == old.name
    again = to_plain(config, old.name)
    assert list(again) == list(values)
    for key in again.keys() & decides(config).keys():
        assert texts({key: again[key]}) == texts({key: values[key]})
        again[key] = values[key]
    assert as_json(again) + "\n" == (old / CONFIG).read_text()


def test_its_checkpoint_makes_its_classifier(old: Path) -> None:
    content = read_weights(old / CHECKPOINT)
    module = LitClassifier(**content["hyper_parameters"])
    module.load_state_dict(content["state_dict"])
    assert module.spec == config_of(RunFolder(old).whole_config(), old / CONFIG).spec


def test_evaluated_again_it_is_as_good(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(old), "--json", "--runs", str(old.parents[1])]) == 0
    found, summary = json.loads(capsys.readouterr().out), RunFolder(old).summary()
    assert summary is not None
    assert found["top1"] == pytest.approx(summary["test/top1"])
    assert found["ema"]["top1"] == pytest.approx(summary["test_ema/top1"])
    assert found["loss"] == pytest.approx(summary["test/loss"], rel=1e-4)


def test_its_last_test_can_be_done_again(old: Path) -> None:
    """As when a run was stopped behind its last epoch: it goes on from the checkpoint."""
    before = RunFolder(old).summary()
    for name in (SUMMARY, PREDICTIONS):
        (old / name).unlink()
    write_json_atomic(old / STATUS, {**(RunFolder(old).status() or {}), "state": "interrupted"})
    train_run(old)
    after = RunFolder(old).summary()
    assert before is not None
    assert after is not None
    assert after["test/top1"] == before["test/top1"]
    assert (RunFolder(old).status() or {})["message"] is None
