"""Without the command line: a network and a folder of images in a `lightning.Trainer`."""

import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.cli import LightningCLI

from datamodules import DataConfig, ImageDataModule
from lit_models import SPECS, LitClassifier, TrainingConfig, load_network, to_dict
from tests.support.images.image_trees import write_tree

NETWORK = "nano_convnext"
pytestmark = pytest.mark.filterwarnings("ignore:The `srun` command", "ignore:.*isinstance.treespec")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three class folders of eight photographs."""
    root = tmp_path_factory.mktemp("images") / "my_images"
    return write_tree(root, splits=("",), images=8)


def images(folder: Path, **values: Any) -> ImageDataModule:
    given = {"image_size": 32, "test_fraction": 0.25, "batch_size": 4, "num_workers": 0, **values}
    return ImageDataModule(folder=folder, **given)


def trainer(module: LitClassifier, folder: Path, **options: Any) -> pl.Trainer:
    fixed = {"accelerator": "cpu", "logger": False, "enable_model_summary": False}
    given = {**module.trainer_options, **fixed, "default_root_dir": folder.parent, **options}
    return pl.Trainer(**given)


def test_ten_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = images(folder)
    module = LitClassifier(
        NETWORK, {"epochs": 2, "lr": 1e-3, "gradient_clip": 1.0}, num_classes=data.num_classes
    )
    runner = trainer(module, folder)
    runner.fit(module, data)
    shown = runner.progress_bar_metrics
    assert {"loss", "train/loss", "val/top1"} <= set(shown)
    assert "val/loss" in runner.callback_metrics.keys() - shown.keys()
    assert "train/loss" in capsys.readouterr().out
    (measured,) = runner.test(module, data, verbose=False)
    assert 0 <= measured["test/top1"] <= 100

    path = runner.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    again = LitClassifier.load_from_checkpoint(path, weights_only=True)
    assert again.spec == SPECS[NETWORK]
    assert again.training_config == TrainingConfig(epochs=2, lr=1e-3, gradient_clip=1.0)
    (logits,) = runner.predict(again, torch.utils.data.DataLoader(torch.zeros(2, 3, 32, 32), 2))  # type: ignore[arg-type,misc]
    assert logits.shape == (2, 3)  # type: ignore[union-attr]
    network = load_network(path).eval()
    torch.testing.assert_close(network(torch.zeros(2, 3, 32, 32)), logits)


@pytest.mark.parametrize(
    "spec", [NETWORK, SPECS[NETWORK], to_dict(SPECS[NETWORK]), "timm/test_resnet"], ids=type
)
def test_a_network_is_a_name_a_spec_or_what_was_made_of_one(spec: Any) -> None:
    module = LitClassifier(spec, num_classes=3)
    assert module.training_config == TrainingConfig()
    assert module(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert LitClassifier(**module.hparams).spec == module.spec
    if spec != "timm/test_resnet":
        assert module.spec == SPECS[NETWORK]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epoch": 3}, r"unknown fields \['epoch'\]. Did you mean epochs\?"),
        ({"lr": "0.1"}, r"recipe\.lr: expected float, found '0\.1'"),
        ({"lr": -1.0}, r"recipe\.lr is -1\.0, but it has to be above 0"),
        ({"schedule": "cosin"}, r"recipe\.schedule is 'cosin'\. Did you mean cosine\?"),
        ({"betas": 0.9}, r"recipe\.betas: expected a list, found 0\.9"),
        ({"betas": [0.9]}, r"recipe\.betas: expected a list of 2, found \[0\.9\]"),
        (
            {"schedule": "piecewise", "lr_knots": [[0, 1, 1]]},
            r"lr_knots\[0\]: expected a list of 2",
        ),
        ("convnext_300", r"training is 'convnext_300', but a recipe is a TrainingConfig or values"),
        ([1], r"training is \[1\], but a recipe is a TrainingConfig or values"),
    ],
)
def test_a_recipe_is_read_as_in_a_file(values: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LitClassifier(NETWORK, values)
    with pytest.raises(ValueError, match=r"no network is named 'convnext_tini'.*convnext_tiny"):
        LitClassifier("convnext_tini")


def test_what_does_not_go_together_is_refused_before_it_trains(folder: Path) -> None:
    data, module = images(folder), LitClassifier(NETWORK)
    with pytest.raises(
        ValueError, match=r"num_classes=1000 and the data 3: LitClassifier\(\.\.\.,"
    ):
        trainer(module, folder, max_epochs=1).fit(module, data)
    clipped = LitClassifier(NETWORK, {"gradient_clip": 1.0, "epochs": 1}, num_classes=3)
    with pytest.raises(ValueError, match=r"recipe\.gradient_clip is 1\.0, but the Trainer has"):
        trainer(clipped, folder, gradient_clip_val=None).fit(clipped, data)
    mixed = LitClassifier(NETWORK, {"precision": "bf16-mixed", "epochs": 1}, num_classes=3)
    with pytest.warns(UserWarning, match=r"recipe\.precision is bf16-mixed, but the Trainer has"):
        trainer(mixed, folder, precision="32-true", fast_dev_run=True).fit(mixed, data)
    with pytest.raises(ValueError, match=r"there are no images: give a folder"):
        ImageDataModule()
    with pytest.raises(ValueError, match=r"a config and folder="):
        ImageDataModule(DataConfig(), folder=folder)
    with pytest.raises(ValueError, match=r"data\.test_fraction=0\.2"):  # neither val/ nor test/
        images(folder, test_fraction=None).setup()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"spec": None}, "None is no network: give a name"),
        ({"num_classes": 0}, "num_classes is 0, but it has to be a whole number from 1 on"),
        ({"num_classes": "10"}, "num_classes is '10', but it has to be a whole number"),
        ({"in_chans": 0}, "in_chans is 0, but it has to be a whole number"),
    ],
)
def test_what_makes_no_network_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LitClassifier(**{"spec": NETWORK, **values})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"config": "my_images"}, r"ImageDataModule\(folder='my_images'\)"),
        (
            {"folder": "x", "image_size": "32"},
            r"data\.image_size is '32', but it has to be a number",
        ),
        (
            {"config": DataConfig(), "augmentation": {}},
            r"augmentation is \{\}, but it has to be an",
        ),
        ({"config": DataConfig(), "num_workers": -1}, "num_workers is -1, but it has to be 0"),
    ],
)
def test_what_is_no_data_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ImageDataModule(**values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_size": 0}, "batch_size=0.*have to be at least 1"),
        ({"batch_size_per_device": 0}, "batch_size_per_device=0.*have to be at least 1"),
        ({"batch_size": 64, "batch_size_per_device": 48}, "no multiple of .*=48"),
    ],
)
def test_a_batch_that_cannot_be_cut_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ImageDataModule(DataConfig(), **values).setup()


def test_a_step_has_all_the_images_that_the_data_says(folder: Path) -> None:
    data = images(folder, batch_size_per_device=2)
    module = LitClassifier(NETWORK, {"epochs": 1}, num_classes=3)
    with pytest.raises(ValueError, match=r"accumulate_grad_batches=1: give it 2, or make"):
        trainer(module, folder).fit(module, data)
    module = LitClassifier(NETWORK, {"epochs": 1, "batch_size": 4096}, num_classes=3)
    runner = trainer(module, folder, accumulate_grad_batches=2)
    with pytest.warns(UserWarning, match=r"recipe\.batch_size is 4096, .* has batch_size=4:"):
        runner.fit(module, data)
    assert runner.global_step == data.steps_per_epoch == 4


def test_lightnings_command_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"""
        fit --model.spec={NETWORK} --model.num_classes=3 --model.training.lr=0.002
        --data.folder={folder} --data.image_size=32 --data.test_fraction=0.25 --data.batch_size=4
        --data.augmentation.hflip=0.5 --data.num_workers=0
        --trainer.max_epochs=1 --trainer.accelerator=cpu --trainer.default_root_dir={tmp_path}
        --trainer.logger=false --trainer.enable_progress_bar=false
    """
    monkeypatch.setattr(sys, "argv", ["train.py", *words.split()])
    cli = LightningCLI(LitClassifier, ImageDataModule, save_config_callback=None)
    assert cli.trainer.callback_metrics["train/loss"] > 0
    assert cli.model.training_config.lr == 0.002
    assert cli.datamodule.augmentation.hflip == 0.5
    path = cli.trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    assert LitClassifier.load_from_checkpoint(path, weights_only=True).spec == cli.model.spec
    assert load_network(path)(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
