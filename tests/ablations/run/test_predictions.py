"""What a run predicted is kept image by image, and a report knows when two runs agree on all."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from ablations import report
from ablations.run.checkpoint import read_checkpoint
from ablations.run.recorder import CHECKPOINT
from ablations.run.run_config import read_run_config
from ablations.run.train import train_run
from ablations.store.image_predictions import read_image_predictions
from ablations.store.runs import IMAGE_PREDICTIONS, PREDICTIONS, SUMMARY, RunFolder, run_path
from datamodules import ImageDataModule, build_data_module
from lit_models import LitClassifier
from lit_models.training.metrics import TEST_IMAGES, TEST_RIGHT, TEST_TOP1
from tests.support.fabricate import fabricate_networks
from tests.support.run_folders import NO_BATCH_NORM, RECIPES, make_run

NETWORKS: Mapping[str, Sequence[str]] = {
    "plain": ["nano_convnext"],
    "kernel-3": ["nano_convnext", "kernel_size=3"],
    "kernel-5": ["nano_convnext", "kernel_size=5"],
}
SENTENCE = "the predictions are equal for all test images: no effect to measure"


def test_a_run_keeps_what_it_predicted_in_the_order_of_the_test_split(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", RECIPES["ema"], spec=NO_BATCH_NORM)
    train_run(folder)
    run = RunFolder(folder)
    found, summary, config = run.predictions(), run.summary(), read_run_config(run)
    assert found is not None
    assert summary is not None

    content = read_checkpoint(folder / CHECKPOINT)
    module = LitClassifier(**content["hyper_parameters"])
    module.load_state_dict(content["state_dict"])
    data = build_data_module(config.data, config.recipe.augment, batch_size_per_step=7, seed=0)
    with torch.no_grad():
        batches = [(module.eval()(x).softmax(1), y) for x, y in data.test_dataloader()]
    probabilities, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    confidence, classes = probabilities.max(1)
    right = (classes == targets).numpy()

    bits = np.unpackbits(np.frombuffer(b64decode(found["right_bits"]), np.uint8))
    assert bits[:30].tolist() == right.tolist()
    assert (found["images"], found["right"]) == (30, int(right.sum()))
    digest = hashlib.sha256(classes.numpy().astype("<i4").tobytes()).hexdigest()
    assert found["classes_sha256"] == digest
    assert (summary[TEST_IMAGES], summary[TEST_RIGHT]) == (30, found["right"])
    assert summary[TEST_TOP1] == 100 * found["right"] / 30  # no digit of single precision

    kept = read_image_predictions(folder)
    assert kept is not None
    assert kept.classes.tolist() == classes.tolist()
    assert kept.labels.tolist() == targets.tolist() == _labels_of_split(data)
    assert 100 * kept.right.mean() == pytest.approx(summary[TEST_TOP1], rel=1e-12)
    assert kept.confidence == pytest.approx(confidence.numpy(), abs=1e-3)  # float16
    assert kept.class_names == data.class_names

    before = (folder / IMAGE_PREDICTIONS).read_bytes()
    for name in (IMAGE_PREDICTIONS, SUMMARY):  # what a damaged file is told to do
        (folder / name).unlink()
    train_run(folder)
    assert (folder / IMAGE_PREDICTIONS).read_bytes() == before


def _labels_of_split(data: ImageDataModule) -> list[int]:
    part = data.splits.test
    return [int(label) for label in part.images.labels[part.indices]]


def test_what_is_kept_is_of_the_raw_weights_with_the_flip_test(tmp_path: Path) -> None:
    recipe = replace(RECIPES["ema"], flip_test=True, lr=0.02)
    folder = make_run(tmp_path / "run", recipe, spec=NO_BATCH_NORM)
    train_run(folder)
    kept, config = read_image_predictions(folder), read_run_config(RunFolder(folder))
    assert kept is not None
    content = read_checkpoint(folder / CHECKPOINT)
    module = LitClassifier(**content["hyper_parameters"]).eval()
    module.load_state_dict(content["state_dict"])
    assert module.ema is not None
    data = build_data_module(config.data, config.recipe.augment, batch_size_per_step=30, seed=0)
    ((images, _),) = data.test_dataloader()
    with torch.no_grad():
        plain, mirrored = (module.backbone(x).softmax(1) for x in (images, images.flip(-1)))
        both = (module.backbone(images) + module.backbone(images.flip(-1))) / 2
        averaged = module.ema(images).softmax(1).amax(1)
    expected = both.softmax(1).amax(1).numpy()
    assert kept.confidence == pytest.approx(expected, abs=1e-3)
    for other in (plain.amax(1), mirrored.amax(1), averaged):
        assert abs(other.numpy() - expected).max() > 2e-3


def _predict(root: Path, answers: Mapping[str, Sequence[str]], *, top1: float = 83.05) -> None:
    """Give fabricated runs one accuracy, and predictions with a digest for each seed."""
    index = json.loads((root / "studies" / "made_up" / "index.json").read_text())
    for row in index["rows"]:
        folder = run_path(root, row["run_id"])
        digest = answers[row["step"]][row["seed"]]
        said: dict[str, Any] = {"images": 10_000, "right": 8_305, "right_bits": ""}
        (folder / PREDICTIONS).write_text(json.dumps({**said, "classes_sha256": digest}))
        summary = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps({**summary, TEST_TOP1: top1}))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    fabricate_networks(tmp_path, NETWORKS)
    # kernel-5 agrees in all seeds but one, with the same accuracy
    _predict(tmp_path, {"plain": "abc", "kernel-3": "abc", "kernel-5": "abd"})
    return tmp_path


def test_equal_predictions_have_no_interval(study: Path) -> None:
    plain, equal, other = report.rows("made_up", runs_root=study)
    assert plain.equal_predictions is None
    assert equal.equal_predictions is True
    assert (equal.delta, equal.delta_low, equal.delta_high, equal.delta_p) == (0, None, None, None)
    assert other.equal_predictions is False
    assert (other.delta, other.delta_low, other.delta_high) == (0, 0, 0)


def test_every_form_of_the_report_says_so(study: Path) -> None:
    paths = report.write_report("made_up", runs_root=study)
    screen = StringIO()
    console = Console(file=screen, width=300)
    report.print_terminal("made_up", runs_root=study, console=console)
    texts = {path.name: path.read_text() for path in (paths.markdown, paths.html, paths.latex)}
    for name, text in {**texts, "terminal": screen.getvalue()}.items():
        figure = int(name == paths.html.name)  # holds the figure of the differences as well
        assert text.count("equal predictions") == 1 + figure, name
        assert (SENTENCE in text) == (name != paths.latex.name), name
    assert f"kernel-3 against plain: {SENTENCE}." in texts[paths.markdown.name]
    assert "kernel-5 against" not in texts[paths.markdown.name]


def test_without_predictions_of_every_pair_nothing_is_said(study: Path) -> None:
    for run in (study / "all").iterdir():
        if "seed2" in run.name:
            (run / PREDICTIONS).unlink()
    _, equal, _ = report.rows("made_up", runs_root=study)
    assert equal.equal_predictions is None
    assert (equal.delta_low, equal.delta_high) == (0, 0)


def test_a_damaged_file_of_predictions_is_named(study: Path) -> None:
    (damaged, *_) = sorted((study / "all").iterdir())
    (damaged / PREDICTIONS).write_text('{"images": 10')
    (first, *_) = report.rows("made_up", runs_root=study)
    assert first.seeds == 2
    paths = report.write_report("made_up", runs_root=study)
    assert PREDICTIONS in paths.markdown.read_text()
