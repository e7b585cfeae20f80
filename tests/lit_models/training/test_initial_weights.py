"""Where fine-tuning starts: `start_from` in a Trainer of one's own, and `head_init_scale`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from lit_models import LitClassifier, build, to_dict
from lit_models.space.spec import ArchSpec
from tests.support.run_folders import NO_BATCH_NORM

HEAD = ("head.fc.weight", "head.fc.bias")
LOADER: DataLoader[Any] = DataLoader(
    TensorDataset(torch.randn(8, 1, 8, 8), torch.arange(8) % 4), batch_size=4
)


def classifier(spec: ArchSpec = NO_BATCH_NORM, **training: Any) -> LitClassifier:
    training = {"epochs": 1, "batch_size": 4, "lr": 1e-3, **training}
    return LitClassifier(to_dict(spec), training, num_classes=4, in_chans=1, seed=0)


def state(module: LitClassifier) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in module.backbone.state_dict().items()}


def weights(tmp_path: Path, *, classes: int) -> Path:
    path = tmp_path / f"{classes}.pth"
    torch.save(build(NO_BATCH_NORM, num_classes=classes, in_chans=1, seed=7).state_dict(), path)
    return path


def fit(module: LitClassifier, *, ckpt_path: Path | None = None, epochs: int = 1) -> pl.Trainer:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, LOADER, ckpt_path=ckpt_path)
    return trainer


def test_only_the_classifier_is_scaled_and_the_average_with_it() -> None:
    plain, scaled = state(classifier()), classifier(head_init_scale=0.25, ema_decay=0.9)
    for key, value in state(scaled).items():
        assert torch.equal(value, 0.25 * plain[key] if key in HEAD else plain[key]), key
    assert scaled.ema is not None
    assert torch.equal(scaled.ema.module.state_dict()[HEAD[0]], 0.25 * plain[HEAD[0]])


def test_a_fresh_classifier_of_fine_tuning_is_the_scaled_one(tmp_path: Path) -> None:
    plain, there = state(classifier()), weights(tmp_path, classes=7)
    module = classifier(start_from=str(there), head_init_scale=0.001)
    module.start()
    found, theirs = state(module), torch.load(there)
    for key, value in found.items():
        assert torch.equal(value, 0.001 * plain[key] if key in HEAD else theirs[key]), key


def test_a_scale_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    module = classifier(start_from=str(weights(tmp_path, classes=4)), head_init_scale=0.001)
    with pytest.raises(ValueError, match=r"recipe\.head_init_scale is 0\.001, but .*4\.pth brings"):
        module.start()
    zero = replace(NO_BATCH_NORM, init=replace(NO_BATCH_NORM.init, zero_classifier=True))
    with pytest.raises(
        ValueError, match=r"recipe\.head_init_scale=2\.0 changes nothing: the classifier"
    ):
        classifier(zero, head_init_scale=2.0)


def test_a_trainer_of_ones_own_starts_from_the_weights_once(tmp_path: Path) -> None:
    there = weights(tmp_path, classes=4)
    recipe: dict[str, Any] = {"start_from": str(there), "lr": 1e-9, "weight_decay": 0.0}
    module = classifier(**recipe)
    file = tmp_path / "trained.ckpt"
    fit(module).save_checkpoint(file)
    theirs = torch.load(there)
    assert all(torch.allclose(v, theirs[k], atol=1e-6) for k, v in state(module).items())

    there.unlink()  # neither what goes on nor what is loaded looks for it again
    fit(module)
    fit(classifier(**recipe), ckpt_path=file, epochs=2)
    again = LitClassifier.load_from_checkpoint(file, weights_only=True)
    fit(again)
    assert all(torch.allclose(v, theirs[k], atol=1e-6) for k, v in state(again).items())
    with pytest.raises(ValueError, match="there is no such file"):
        fit(classifier(**recipe))
