"""From a published file to scores and a fine-tuned network, through the command line."""

import argparse
import json
import logging
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ablations.cli import main
from ablations.commands.weights.import_weights import import_weights
from ablations.evaluation.analysis import EVALUATION
from ablations.evaluation.config import evaluation_config
from ablations.evaluation.evaluation import evaluate
from ablations.run.checkpoint import write_checkpoint
from ablations.run.recorder import CHECKPOINT, RunRecorder
from ablations.run.train import train_run
from ablations.store.runs import RunFolder
from lit_models import LitClassifier, TrainingConfig, build, to_dict
from lit_models.families.spach import single_stage
from lit_models.weights.checkpoints import load_network
from lit_models.weights.tensor_files import read_tensors
from tests.support.official_layouts import CASES, State, Writer
from tests.support.run_folders import RECIPES, make_run, results, same

MODEL = ["--model", "convmixer_512_12_k8_p14"]
STEPS = ["depths=2", "widths=4", "patch_size=2", "kernel_size=3"]
TINY = [*MODEL, *(word for step in STEPS for word in ("--step", step))]
DATA = ["data.test_limit=30", "data.train_limit=40", "hardware.accelerator=cpu"]


def published(*, classes: int = 10) -> State:
    """A ConvMixer of two blocks for grey images, in the official layout."""
    writer = Writer()
    writer.state = CASES["convmixer"].state()
    writer.tensor("0.weight", 4, 1, 2, 2)
    writer.layer("7", classes, 4)
    return writer.state


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    torch.save({"model": published(), "args": argparse.Namespace(lr=1)}, folder / "published.pth")
    out = folder / "tiny.ckpt"
    assert main(["import", str(folder / "published.pth"), *TINY, "--out", str(out)]) == 0
    return out


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_checkpoint_is_one_of_ours_with_the_published_weights(imported: Path) -> None:
    network = load_network(imported)
    assert (network.num_classes, network.in_chans) == (10, 1)
    assert torch.equal(network.state_dict()["head.fc.weight"], published()["7.weight"])
    content = torch.load(imported, weights_only=True)
    assert content["source"]["file"] == "published.pth"
    assert content["source"]["layout"] == "the official ConvMixer"
    module = LitClassifier.load_from_checkpoint(imported, weights_only=True)
    assert same(dict(module.backbone.state_dict()), dict(network.state_dict()))


def test_safetensors_and_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "published.safetensors", tmp_path / "tiny.ckpt"
    save_file(published(classes=7), file)
    capsys.readouterr()
    assert main(["import", str(file), *TINY, "--out", str(out), "--json"]) == 0
    told = printed(capsys)
    assert told["checkpoint"] == str(out)
    assert told["layout"] == "the official ConvMixer"
    assert (told["num_classes"], told["in_chans"]) == (7, 1)
    state = load_network(out).state_dict()
    assert told["params"] == sum(p.numel() for p in load_network(out).parameters())
    assert torch.equal(state["head.fc.bias"], published(classes=7)["7.bias"])
    assert main(["import", str(file), *TINY, "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["import", str(file), *TINY, "--out", str(out), "--force"]) == 0


def test_averaged_weights_beside_raw_ones_are_said_and_can_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "both.pth", tmp_path / "tiny.ckpt"
    mean = {key: value + 1 for key, value in published().items()}
    torch.save({"model": published(), "model_ema": mean}, file)
    for words, expected, taken in (([], published(), "raw"), (["--ema"], mean, "averaged")):
        assert main(["import", str(file), *TINY, "--out", str(out), "--force", *words]) == 0
        sentence = f"it holds raw weights (model) and averaged ones (model_ema): {taken} taken"
        assert sentence in capsys.readouterr().out
        assert torch.equal(load_network(out).state_dict()["head.fc.bias"], expected["7.bias"])
    module = classifier(file, start_from_ema=True)
    assert "averaged taken" in module.start()
    assert torch.equal(module.backbone.state_dict()["head.fc.bias"], mean["7.bias"])
    with pytest.raises(ValueError, match=r"recipe\.start_from_ema has no meaning"):
        TrainingConfig(start_from_ema=True)


class Code:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def _code(file: Path) -> None:
    torch.save({"model": published(), "extra": Code(file.parent / "ran")}, file)


def _plain_pickle(file: Path) -> None:
    file.write_bytes(pickle.dumps({"model": Code(file.parent / "ran")}))


def _truncated(file: Path) -> None:
    torch.save(published(), file)
    file.write_bytes(file.read_bytes()[:-900])


def _not_finite(file: Path) -> None:
    weights = published()
    weights["7.weight"][0, 0] = torch.nan
    torch.save(weights, file)


def _truncated_safetensors(file: Path) -> None:
    save_file(published(), file)
    file.write_bytes(file.read_bytes()[:-9])


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "not finite": (_not_finite, "holds weights that are no numbers: head.fc.weight (1 of"),
    "code": (_code, "holds posix.mkdir besides tensors"),
    "plain pickle": (_plain_pickle, "which could run code"),
    "truncated": (_truncated, "is truncated or damaged"),
    "truncated safetensors": (_truncated_safetensors, "is truncated or damaged"),
    "a page": (lambda file: file.write_text("<!DOCTYPE html>"), "is no checkpoint: it begins with"),
    "empty": (lambda file: file.write_bytes(b""), "is no checkpoint"),
    "a tensor": (lambda file: torch.save(torch.zeros(2), file), "holds a Tensor"),
    "no file": (lambda _: None, "cannot be read: No such file"),
    "another family": (
        lambda file: torch.save(CASES["replknet"].state(), file),
        "in the layout of the official RepLKNet",
    ),
    "one is missing": (
        lambda file: torch.save({k: v for k, v in published().items() if k != "4.1.bias"}, file),
        "1 missing: 4.1.bias",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_cannot_be_taken_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    write, words = FILES[kind]
    file, out = tmp_path / "file.pth", tmp_path / "out.ckpt"
    write(file)
    assert main(["import", str(file), *TINY, "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"ablate: {file}")
    assert words in err
    assert err.count("\n") == 1
    assert not out.exists()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "convmixer_512_12"], ["no network is named", "convmixer_512_12_k8_p14"]),
        ([*MODEL, "--step", "kernel=3"], ["'kernel=3'", "kernel_size"]),
        (["--model", "timm/resnet50", "--step", "kernel_size=3"], ["timm/resnet50", "no steps"]),
        ([*TINY, "--num-classes", "12"], ["7.weight has shape (10, 4) and (12, 4) is needed"]),
    ],
)
def test_a_mistake_in_the_arguments_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    file = tmp_path / "file.pth"
    torch.save(published(), file)
    assert main(["import", str(file), *arguments, "--out", str(tmp_path / "out.ckpt")]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words), err


def test_timm_networks_are_imported_by_their_own_keys(tmp_path: Path) -> None:
    import timm

    file, out = tmp_path / "file.pth", tmp_path / "out.ckpt"
    network = timm.create_model("test_vit", num_classes=3)
    torch.save({"state_dict_ema": network.state_dict()}, file)
    assert main(["import", str(file), "--model", "timm/test_vit", "--out", str(out)]) == 0
    assert same(dict(load_network(out).state_dict()), dict(network.state_dict()))


def test_an_imported_checkpoint_is_evaluated(
    imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["evaluate", str(imported), "digits", *DATA, "--json"]) == 0
    found = printed(capsys)
    assert (found["data"], found["split"], found["images"]) == ("digits", "test", 30)
    assert found["image_size"] == 28
    assert 0 <= found["top1"] <= found["top5"] <= 100
    assert found["ema"] is None
    expected = _by_hand(imported)
    assert found["top1"] == pytest.approx(expected[0])
    assert found["loss"] == pytest.approx(expected[1], rel=1e-5)
    assert main(["evaluate", str(imported), "digits", *DATA]) == 0
    assert f"top-1 {found['top1']:.2f} %" in capsys.readouterr().out


def test_lightning_says_nothing_in_an_evaluation(
    imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: said.append(record.getMessage()))
    logger = logging.getLogger("lightning.pytorch")
    monkeypatch.setattr(logger, "handlers", [handler])
    evaluate(imported, evaluation_config("digits", DATA, run={}))
    assert said == []


def test_a_network_that_is_built_for_a_size_sees_images_of_that_size(tmp_path: Path) -> None:
    options = {"width": 4, "heads": 1, "ratio": 2, "patch_size": 4, "image_size": 16}
    spec = single_stage("mlp", 1, **options)
    file, out = tmp_path / "own.pth", tmp_path / "own.ckpt"
    torch.save(build(spec, num_classes=10, in_chans=1, seed=0).state_dict(), file)
    write_checkpoint(import_weights(file, spec).content, out)
    words = ["data.test_limit=30", "hardware.accelerator=cpu"]
    found = evaluate(out, evaluation_config("digits", words, run={}))
    assert (found.image_size, found.images) == (16, 30)


def _by_hand(checkpoint: Path) -> tuple[float, float]:
    """Top-1 (%) and loss of the network on the test images, without Lightning."""
    from datamodules import build_data_module
    from datamodules.config.augmentation import Augmentation
    from datamodules.config.data import DataConfig

    config = DataConfig(name="digits", test_limit=30, train_limit=40)
    data = build_data_module(config, Augmentation(), batch_size_per_step=30)
    (batch,) = list(data.test_dataloader())
    with torch.no_grad():
        logits = load_network(checkpoint).eval()(batch[0])
    right = (logits.argmax(1) == batch[1]).double().mean()
    return 100 * float(right), float(torch.nn.functional.cross_entropy(logits, batch[1]))


def test_a_run_is_evaluated_as_it_was_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(tmp_path / "all" / "digits-seed0-0123456789ab", RECIPES["ema"])
    train_run(folder)
    summary = RunFolder(folder).summary()
    assert summary is not None
    capsys.readouterr()
    runs = ["--runs", str(tmp_path), "--json", "hardware.accelerator=cpu"]
    for name in (folder.name, str(folder), str(folder / CHECKPOINT)):
        assert main(["evaluate", name, *runs]) == 0
        found = printed(capsys)
        assert found["top1"] == pytest.approx(summary["test/top1"])
        assert found["loss"] == pytest.approx(summary["test/loss"], rel=1e-6)
        assert found["ema"]["top1"] == pytest.approx(summary["test_ema/top1"])
        assert found["ema"]["loss"] == pytest.approx(summary["test_ema/loss"], rel=1e-6)
    assert main(["evaluate", folder.name, "--split", "val", *runs]) == 0
    found = printed(capsys)
    assert found["top1"] == pytest.approx(summary["val/top1"])
    assert main(["evaluate", folder.name, "data.test_limit=20", *runs]) == 0
    assert printed(capsys)["images"] == 20
    assert main(["evaluate", folder.name, "data.test_limit=20", "--keep", *runs[:2]]) == 0
    assert "`ablate report` shows it" in capsys.readouterr().out
    assert list(EVALUATION.kept(folder)) == ["digits test, 8 px, 20 images"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["on which data?"]),
        (["digit"], ["'digit'", "Did you mean digits?"]),
        (["photographs"], ["tells 10 classes apart and photographs has 2", "recipe.start_from"]),
        (["digits", "recipe.lr=1"], ["'lr'"]),
        (["digits", "data.imagesize=8"], ["'imagesize'", "Did you mean image_size?"]),
        (["digits", "hardware.devices=2"], ["hardware.devices is 2"]),
        (["digits", "data.val_fraction=0", "--split", "val"], ["digits has no val"]),
    ],
)
def test_an_evaluation_that_cannot_be_is_said(
    imported: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    assert main(["evaluate", str(imported), *arguments]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words), err


def test_what_is_no_checkpoint_or_run_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "published.pth"
    torch.save(published(), file)
    assert main(["evaluate", str(file), "digits"]) == 2
    assert "`ablate import` makes one" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "no.ckpt"), "digits"]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_reading_keeps_the_order_that_layouts_need(tmp_path: Path) -> None:
    names = [f"stem.{index}.weight" for index in range(12)]
    save_file({name: torch.zeros(1) for name in names}, tmp_path / "file")
    assert list(read_tensors(tmp_path / "file")) == names


def classifier(start: Path, **changes: Any) -> LitClassifier:
    spec = CASES["convmixer"].spec
    training = {"start_from": str(start), "ema_decay": 0.9, **changes}
    return LitClassifier(to_dict(spec), training, num_classes=10, in_chans=1, seed=0)


def test_a_run_starts_from_the_weights_and_so_does_its_average(imported: Path) -> None:
    module = classifier(imported)
    module.start()
    expected = dict(load_network(imported).state_dict())
    assert same(dict(module.backbone.state_dict()), expected)
    assert module.ema is not None
    assert same(dict(module.ema.module.state_dict()), expected)


def test_a_classifier_of_other_classes_is_a_fresh_one(tmp_path: Path) -> None:
    file = tmp_path / "published.pth"  # a start needs no import
    torch.save(published(classes=7), file)
    module = classifier(file)
    fresh = {key: value.clone() for key, value in module.backbone.state_dict().items()}
    module.start()
    state = module.backbone.state_dict()
    assert torch.equal(state["head.fc.weight"], fresh["head.fc.weight"])
    assert torch.equal(state["stem.0.conv.weight"], published(classes=7)["0.weight"])


def test_a_run_starts_from_weights_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained = build(CASES["convmixer"].spec, num_classes=1000, in_chans=1, seed=5)
    asked = []

    def network(name: str, *, key: str) -> nn.Module:
        asked.append((name, key))
        return pretrained

    monkeypatch.setattr("lit_models.training.initial_weights.timm_network", network)
    module = LitClassifier(
        to_dict(CASES["convmixer"].spec),
        {"start_from": "timm/convmixer_768_32.in1k"},
        num_classes=10,
        in_chans=1,
        seed=0,
    )
    module.start()
    assert asked == [("convmixer_768_32.in1k", "recipe.start_from")]
    expected = pretrained.state_dict()["stem.0.conv.weight"]
    assert torch.equal(module.backbone.state_dict()["stem.0.conv.weight"], expected)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (CASES["replknet"].state, r"does not fit: .*official RepLKNet"),
        (CASES["convmixer"].state, r"does not fit: .*0\.weight has shape \(4, 3, 2, 2\)"),
    ],
)
def test_a_start_that_does_not_fit_is_said(
    tmp_path: Path, state: Callable[[], State], words: str
) -> None:
    file = tmp_path / "other.pth"
    torch.save(state(), file)
    with pytest.raises(ValueError, match=rf"recipe\.start_from={file} {words}"):
        classifier(file).start()


def test_resuming_a_fine_tuned_run_is_exact(
    tmp_path: Path, imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPES["ema"], start_from=str(imported))
    spec = CASES["convmixer"].spec
    whole, broken, scratch = (
        make_run(tmp_path / name, chosen, spec=spec)
        for name, chosen in (("a", recipe), ("b", recipe), ("c", RECIPES["ema"]))
    )
    train_run(whole)
    with monkeypatch.context() as patched:

        def crash(self: RunRecorder, trainer: Any, *arguments: Any) -> None:
            if trainer.current_epoch == 1:
                raise MemoryError

        patched.setattr(RunRecorder, "on_train_batch_start", crash)
        with pytest.raises(MemoryError):
            train_run(broken)
    moved = tmp_path / "moved.ckpt"  # the same content elsewhere is the same start
    moved.write_bytes(imported.read_bytes())
    train_run(make_run(broken, replace(recipe, start_from=str(moved)), spec=spec))
    assert same(results(broken), results(whole))
    train_run(scratch)
    assert not same(results(scratch)["weights"], results(whole)["weights"])


STUDY = """
studies:
  tune:
    points: {kind: networks, networks: {tiny: [convmixer_512_12_k8_p14, STEPS]}}
    data: {name: digits, image_size: 8, train_limit: 40, val_fraction: 0.02, test_limit: 30}
    recipe: {epochs: 1, batch_size: 12, start_from: START}
    hardware: {accelerator: cpu, threads: 1, workers: 0}
"""


def test_a_study_fine_tunes_and_knows_the_file_by_its_content(
    tmp_path: Path, imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved, other = tmp_path / "moved.ckpt", tmp_path / "other.ckpt"
    moved.write_bytes(imported.read_bytes())
    torch.save(published(classes=7), other)
    study, runs = tmp_path / "experiments.yaml", ["--runs", str(tmp_path / "runs")]
    study.write_text(STUDY.replace("STEPS", ", ".join(STEPS)).replace("START", str(imported)))
    where = ["--file", str(study), *runs]

    def run_id(*words: str) -> str:
        capsys.readouterr()
        assert main(["plan", "tune", *where, "--json", "--no-time", *words]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        return str(row["run_id"])

    first = run_id()
    assert run_id(f"recipe.start_from={moved}") == first
    assert len({first, run_id(f"recipe.start_from={other}"), run_id("recipe.start_from=null")}) == 3
    assert main(["run", "tune", *where]) == 0
    capsys.readouterr()
    assert main(["evaluate", first, *runs, "--json"]) == 0
    summary = RunFolder(tmp_path / "runs" / "all" / first).summary()
    assert summary is not None
    assert printed(capsys)["top1"] == pytest.approx(summary["test/top1"])
    torch.save(CASES["replknet"].state(), other)
    assert main(["run", "tune", *where, f"recipe.start_from={other}"]) == 2
    assert "does not fit" in capsys.readouterr().err
    assert main(["plan", "tune", *where, "recipe.start_from=absent.ckpt"]) == 2
    assert "recipe.start_from is 'absent.ckpt'" in capsys.readouterr().err
