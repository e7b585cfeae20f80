"""Measuring a trained network: its checkpoint, a data module, and Lightning's test loop."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment

from ablations.evaluation.config import EvaluationConfig, Split
from ablations.run.devices import resolve_devices
from ablations.run.session import own_environment, quiet
from datamodules import ImageDataModule
from datamodules.catalog.resolved import Data, count_classes, resolve
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from lit_models.training.classifier import LitClassifier
from lit_models.training.metrics import BALANCED, LOSS, TOP1, TOP5, metric
from lit_models.weights.checkpoints import AVERAGED, read_weights
from lit_models.weights.finite import require_finite

_SCORES = (TOP1, TOP5, BALANCED, LOSS)


@dataclass(frozen=True)
class Scores:
    """Accuracies in percent, the loss in nats; no top-5 with five classes or fewer."""

    top1: float
    top5: float | None
    balanced_accuracy: float  # mean over the classes of the share of a class that is right
    loss: float


@dataclass(frozen=True)
class Evaluation:
    """The scores of a checkpoint's raw weights, and of its averaged ones where it has them."""

    data: str
    split: Split
    images: int
    image_size: int  # side in pixels that the network saw
    raw: Scores
    ema: Scores | None


@dataclass(frozen=True)
class Expects:
    """What a network was made for, to compare data with."""

    path: Path
    num_classes: int
    in_chans: int

    def check(self, name: str, classes: int | None, in_chans: int) -> None:
        """Raise ValueError for data of other classes (None: not known yet) or channels."""
        if classes not in (None, self.num_classes):
            raise ValueError(
                f"{self.path} tells {self.num_classes} classes apart and {name} has {classes}: "
                "evaluate it on the classes that it was trained on, or fine-tune it on "
                f"{name} with recipe.start_from={self.path}"
            )
        if in_chans != self.in_chans:
            raise ValueError(
                f"{self.path} is for images of {self.in_chans} channels and those of {name} have "
                f"{in_chans}"
            )


def evaluate(path: Path, config: EvaluationConfig, *, split: Split = "test") -> Evaluation:
    """Measure a checkpoint that a run or `ablate import` wrote.

    Raises ValueError when it cannot be read, the data is not there, or has other classes or
    channels than the network.
    """
    content = read_weights(path)
    values = content["hyper_parameters"]
    chosen = resolve(at_its_size(config.data, values["spec"]))
    network = Expects(path, values["num_classes"], values["in_chans"])
    network.check(chosen.info.name, count_classes(chosen), chosen.info.in_chans)
    data = _module_of(chosen, config)
    network.check(chosen.info.name, data.num_classes, data.in_chans)
    part = data.splits.test if split == "test" else data.splits.val
    if part is None:
        raise ValueError(f"{config.data.name} has no val: set data.val_fraction above 0")
    module = _module(path, content, config)
    devices = resolve_devices(config.hardware, precision=config.recipe.precision)
    if config.hardware.threads is not None:
        torch.set_num_threads(config.hardware.threads)
    with quiet(), own_environment():
        trainer = pl.Trainer(
            accelerator=devices.kind,
            devices=1,
            plugins=[LightningEnvironment()],
            precision=config.recipe.precision,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        run = trainer.test if split == "test" else trainer.validate
        (measured,) = run(module, datamodule=data, verbose=False)
    return Evaluation(
        data=data.config.name,
        split=split,
        images=len(part.indices),
        image_size=data.data.eval_size,
        raw=_scores(measured, split, ema=False),
        ema=_scores(measured, split, ema=True) if module.ema is not None else None,
    )


def at_its_size(config: DataConfig, spec: Mapping[str, Any]) -> DataConfig:
    """The data at the side that a network is built for, if it is built for one.

    Args:
        config: which data.
        spec: of the network, as `to_dict` gives it.
    """
    side = spec.get("image_size")
    return config if config.image_size is not None else replace(config, image_size=side)


def _module_of(chosen: Data, config: EvaluationConfig) -> ImageDataModule:
    data = ImageDataModule(
        chosen,
        Augmentation(interpolation=config.recipe.augment.interpolation),
        batch_size=config.recipe.batch_size,
        num_workers=config.hardware.num_workers,
    )
    # a set with fewer training images than a batch has no step to train on, which is no matter here
    data.batch_size = min(data.batch_size, data.train_size)
    return data


def _module(path: Path, content: Mapping[str, Any], config: EvaluationConfig) -> LitClassifier:
    """The network with its weights, raw and averaged, and nothing that only training needs."""
    values, state, recipe = content["hyper_parameters"], content["state_dict"], config.recipe
    averaged = any(key.startswith(AVERAGED) for key in state)
    training = {
        "channels_last": recipe.channels_last,
        "flip_test": recipe.flip_test,
        "ema_decay": 0.5 if averaged else None,  # any: nothing is averaged any more
    }
    try:
        module = LitClassifier(
            values["spec"],
            training,
            num_classes=values["num_classes"],
            in_chans=values["in_chans"],
            seed=0,
        )
        module.load_state_dict(state)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise ValueError(
            f"{path} was written by another version of this project: {reason}"
        ) from None
    require_finite(module, source=path)
    return module


def _scores(measured: Mapping[str, float], split: str, *, ema: bool) -> Scores:
    found = {what: measured.get(metric(split, what, ema=ema)) for what in _SCORES}
    top1, balanced, loss = found[TOP1], found[BALANCED], found[LOSS]
    assert top1 is not None
    assert balanced is not None
    assert loss is not None
    return Scores(top1, found[TOP5], balanced, loss)
