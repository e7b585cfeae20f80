"""NaN and infinity: a run that meets one has failed by name, and no file ever holds one."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.cli import main
from ablations.files.plain_text import as_csv, as_json, parse_json
from ablations.run.checkpoint import read_checkpoint
from ablations.run.recorder import CHECKPOINT, RunRecorder
from ablations.run.train import train_run
from ablations.store.runs import RunFolder, write_json_atomic
from lit_models import LitClassifier
from lit_models.weights.finite import first_not_finite, state_of
from tests.support.run_folders import RECIPES, make_run, status

RECIPE = replace(RECIPES["ema"], epochs=2)
NO_VAL = {"val_fraction": 0}  # nothing is measured between the last step and the test


def weight(module: LitClassifier) -> Any:
    return list(module.backbone.parameters())[-1]


def buffer(module: LitClassifier) -> Any:
    return next(b for n, b in module.backbone.named_buffers() if n.endswith("running_var"))


def average(module: LitClassifier) -> Any:
    assert module.ema is not None
    return next(module.ema.module.parameters())


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        (weight, r"backbone\..* \(1 of "),
        (buffer, r"backbone\..*running_var \(1 of "),
        (average, r"ema\.module\..* \(1 of "),
    ],
)
def test_a_network_that_breaks_in_its_last_step_has_failed_by_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tensor: Callable[[LitClassifier], Any],
    name: str,
) -> None:
    end = RunRecorder.on_train_batch_end

    def poison(self: RunRecorder, trainer: Any, module: Any, *rest: Any) -> None:
        end(self, trainer, module, *rest)
        if trainer.current_epoch == 1 and trainer.is_last_batch:
            tensor(module).data.view(-1)[0] = math.nan

    monkeypatch.setattr(RunRecorder, "on_train_batch_end", poison)
    folder = make_run(tmp_path / "run", RECIPE, data=NO_VAL)
    with pytest.raises(FloatingPointError, match=rf"{name}.*after epoch 2; lower recipe\.lr"):
        train_run(folder)
    assert status(folder)["state"] == "failed"
    assert "after epoch 2" in status(folder)["message"]
    assert not (folder / "summary.json").exists()
    assert len(RunFolder(folder).metrics()) == 1
    kept = read_checkpoint(folder / CHECKPOINT)["state_dict"]  # of the epoch before
    assert first_not_finite(kept.items()) is None


def test_a_metric_that_is_no_number_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lit_models.training.scores import MeanLoss

    compute = MeanLoss.compute
    seen: list[int] = []

    def infinite(self: MeanLoss) -> torch.Tensor:
        seen.append(int(self.images))
        return compute(self) * (math.inf if int(self.images) == 30 else 1)  # the test images

    monkeypatch.setattr(MeanLoss, "compute", infinite)
    folder = make_run(tmp_path / "run", RECIPE)
    with pytest.raises(FloatingPointError, match=r"test/loss is inf after 2 epochs"):
        train_run(folder)
    assert 30 in seen
    assert not (folder / "summary.json").exists()


def test_names_of_parameters_and_buffers_that_are_not_finite() -> None:
    norm = torch.nn.BatchNorm1d(3)
    assert first_not_finite(state_of(norm)) is None
    norm.running_mean = torch.tensor([0.0, math.inf, math.nan])
    assert first_not_finite(state_of(norm)) == ("running_mean (2 of 3 values are NaN or infinite)")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_file_is_written_with_one(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match=r"a\.b\[1\] is -?(nan|inf)"):
        as_json({"a": {"b": [1, value]}})
    with pytest.raises(ValueError, match=r"row 2\.x is -?(nan|inf)"):
        as_csv([{"x": 1.0}, {"x": value}])
    path = tmp_path / "summary.json"
    with pytest.raises(ValueError, match=r"summary\.json is not written: test/loss is"):
        write_json_atomic(path, {"test/loss": value})
    assert not path.exists()


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}'])
def test_one_in_an_old_file_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"a is -?(nan|inf), which is no number"):
        parse_json(text)


def test_a_bench_refuses_to_overwrite_what_is_no_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("mine")
    for what in (["train", "--models", "nano_convnext"], ["loader"]):
        assert main(["bench", *what, "--out", str(thesis)]) == 2
        assert "ends in .json" in capsys.readouterr().err
    assert thesis.read_text() == "mine"
