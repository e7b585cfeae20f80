"""`LitClassifier` in a Trainer of the user's own: its length, its callbacks, prediction, Ctrl-C."""

import copy
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import (
    Callback,
    GradientAccumulationScheduler,
    StochasticWeightAveraging,
)
from torch import Tensor
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from datamodules import Augmentation, DataConfig, build_data_module
from lit_models import LitClassifier, TrainingConfig, load_network, to_dict
from lit_models.recipe.weight_files import checksum
from lit_models.training.trainers import ReleaseOnException, callbacks_of
from lit_models.weights.checkpoints import load_checkpoint, read_weights
from lit_models.weights.tensor_files import find_damage
from tests.support.run_folders import NO_BATCH_NORM, RESNET

pytestmark = pytest.mark.filterwarnings(
    "ignore:SWA is currently only supported every epoch",
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:`max_epochs` was not set",
    "ignore:When using `Trainer",
)
LR = 1e-2
EPOCHS = 4  # of the recipe
CONFIG = TrainingConfig(epochs=EPOCHS, batch_size=8, lr=LR, drop_path_rate=0.0)
IMAGES = torch.randn(32, 1, 8, 8, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(IMAGES, torch.arange(32) % 10)
LOADER = DataLoader(DATA, batch_size=8)  # four batches an epoch


class Endless(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches without a length."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield from LOADER


class Rates(Callback):
    """The learning rate of every optimizer step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_before_optimizer_step(self, trainer: pl.Trainer, *_: Any) -> None:
        self.seen.append(float(trainer.optimizers[0].param_groups[0]["lr"]))


def classifier(config: TrainingConfig = CONFIG, spec: Any = NO_BATCH_NORM) -> LitClassifier:
    return LitClassifier(to_dict(spec), asdict(config), num_classes=10, in_chans=1, seed=0)


def trainer(*callbacks: Callback, **options: Any) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **options,
    )


def rates(
    module: LitClassifier,
    *callbacks: Callback,
    loader: DataLoader[Any] = LOADER,
    ckpt_path: Path | None = None,
    **options: Any,
) -> list[float]:
    seen = Rates()
    trainer(seen, *callbacks, **options).fit(module, loader, ckpt_path=ckpt_path)
    return seen.seen


def cosine(steps: int, first: int = 0) -> list[float]:
    """From the peak to 0 over `steps` steps: arXiv 1608.03983, equation 5."""
    return [LR / 2 * (1 + math.cos(math.pi * step / steps)) for step in range(first, steps)]


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        (16, {"max_epochs": EPOCHS}),
        (24, {"max_epochs": 6}),
        (8, {"max_epochs": 2}),
        (8, {"max_steps": 8}),
        (8, {"max_steps": 8, "max_epochs": EPOCHS}),
        (24, {"max_steps": 24, "max_epochs": 6}),
        (7, {"max_steps": 7, "max_epochs": -1}),
        (12, {"max_epochs": EPOCHS, "limit_train_batches": 3}),
        (8, {"max_epochs": EPOCHS, "accumulate_grad_batches": 3}),
        (8, {"max_epochs": 2, "max_time": "00:01:00:00"}),
        (1, {"fast_dev_run": True}),
    ],
    ids=str,
)
def test_schedule_spans_the_steps_of_the_trainer(steps: int, options: dict[str, Any]) -> None:
    assert rates(classifier(), **options) == pytest.approx(cosine(steps))


def test_schedule_spans_changing_accumulation_and_loaders_without_a_length() -> None:
    changing = GradientAccumulationScheduler({0: 4, 2: 1})  # 1, 1, 4, 4 steps
    assert rates(classifier(), changing, max_epochs=4) == pytest.approx(cosine(10))
    endless = DataLoader(Endless(), batch_size=None)
    assert rates(classifier(), loader=endless, max_steps=6) == pytest.approx(cosine(6))


def test_warm_up_keeps_its_share_of_a_training_of_another_length() -> None:
    config = replace(CONFIG, warmup_epochs=1.0)  # a quarter: 2 of 8 steps
    expected = [0, LR / 2, *cosine(6)]
    assert rates(classifier(config), max_epochs=2) == pytest.approx(expected)


@pytest.mark.parametrize(("before", "after"), [(4, 6), (2, 4)])
def test_a_resumed_training_follows_its_own_trainer(
    before: int, after: int, tmp_path: Path
) -> None:
    first = trainer(max_epochs=before)
    first.fit(classifier(), LOADER)
    first.save_checkpoint(tmp_path / "end.ckpt")
    resumed = rates(classifier(), max_epochs=after, ckpt_path=tmp_path / "end.ckpt")
    assert resumed == pytest.approx(cosine(4 * after, first=4 * before))
    assert min(resumed) > 0


@pytest.mark.parametrize("loader", [LOADER, DataLoader(Endless(), batch_size=None)])
def test_a_trainer_without_an_end_is_refused_by_name(loader: DataLoader[Any]) -> None:
    options: dict[str, Any] = {
        "max_epochs": -1 if loader is LOADER else 2,
        "max_time": "00:01:00:00",
    }
    with pytest.raises(ValueError, match=r"recipe\.schedule=cosine .*max_epochs .*max_steps"):
        rates(classifier(), loader=loader, **options)


def test_a_constant_schedule_needs_no_end() -> None:
    config = replace(CONFIG, schedule="constant")
    stop = _StopAfter(3)
    assert rates(classifier(config), stop, max_epochs=-1, max_time="00:01:00:00") == [LR] * 3
    with pytest.raises(ValueError, match=r"recipe\.warmup_epochs=1"):
        rates(classifier(replace(config, warmup_epochs=1)), max_epochs=-1)


class _StopAfter(Callback):
    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.global_step >= self.steps


@pytest.mark.parametrize("spec", [RESNET, NO_BATCH_NORM], ids=["batch norm", "layer norm"])
def test_stochastic_weight_averaging(spec: Any) -> None:
    module = classifier(spec=spec)
    weights = _WeightsAtEpochStart()
    averaging = StochasticWeightAveraging(1e-3, swa_epoch_start=3, annealing_epochs=1)
    seen = rates(module, averaging, weights, max_epochs=EPOCHS)
    assert seen[:8] == pytest.approx(cosine(16)[:8])
    mean = torch.stack(weights.seen[2:4]).mean(0)  # at the starts of the third epoch and the fourth
    torch.testing.assert_close(_weights(module), mean)
    renewed = copy.deepcopy(module.backbone)
    update_bn(LOADER, renewed)
    for (name, ours), theirs in zip(
        module.backbone.named_buffers(), renewed.buffers(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, msg=name)


class _WeightsAtEpochStart(Callback):
    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.seen.append(_weights(pl_module))


def _weights(module: LitClassifier) -> Tensor:
    return torch.nn.utils.parameters_to_vector(module.backbone.parameters()).detach().clone()


def test_two_averages_are_refused() -> None:
    with pytest.raises(ValueError, match=r"recipe\.ema_decay=0\.9 and StochasticWeightAveraging"):
        rates(classifier(replace(CONFIG, ema_decay=0.9)), StochasticWeightAveraging(1e-3))


def test_a_schedule_of_a_subclass_keeps_lightnings_rule() -> None:
    class Own(LitClassifier):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]

    own = Own(to_dict(NO_BATCH_NORM), asdict(CONFIG), num_classes=10, in_chans=1, seed=0)
    assert rates(own, max_epochs=2, limit_train_batches=2) == [1, 1, 0.5, 0.5]


@pytest.mark.parametrize("flip_test", [False, True])
def test_predict_gives_the_logits_of_a_test(flip_test: bool) -> None:
    module = classifier(replace(CONFIG, flip_test=flip_test))
    labelled = trainer().predict(module, LOADER)
    bare = trainer().predict(module, DataLoader(IMAGES, batch_size=8))  # type: ignore[arg-type]
    with torch.no_grad():
        expected = module.eval()(IMAGES)
        if flip_test:
            expected = (expected + module(IMAGES.flip(-1))) / 2
    for found in (labelled, bare):
        torch.testing.assert_close(torch.cat(found), expected)  # type: ignore[arg-type]


def test_predict_sees_the_test_images_of_the_data_module() -> None:
    config = DataConfig(name="digits", image_size=8, test_limit=30, train_limit=40)
    data = build_data_module(config, Augmentation(), batch_size_per_step=12)
    module = classifier()
    found = torch.cat(trainer().predict(module, data))  # type: ignore[arg-type]
    with torch.no_grad():
        expected = [module.eval()(images) for images, _ in data.test_dataloader()]
    torch.testing.assert_close(found, torch.cat(expected))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_nothing_of_the_training_behind(
    error: type[BaseException], tmp_path: Path
) -> None:
    class Fails(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            raise error

    teacher = classifier()
    torch.save(
        {"state_dict": teacher.state_dict(), "hyper_parameters": dict(teacher.hparams)},
        tmp_path / "teacher.ckpt",
    )
    module = classifier(replace(CONFIG, teacher=str(tmp_path / "teacher.ckpt")), spec=RESNET)
    broken = trainer(Fails(), max_epochs=1)
    with pytest.raises((error, SystemExit)):
        broken.fit(module, LOADER)
    assert module.teacher is None
    assert module.statistics is None
    healthy = trainer(max_epochs=1)
    for _ in range(2):  # one callback however often
        healthy.fit(module, LOADER)
    assert len(callbacks_of(healthy, ReleaseOnException)) == 1


def test_paths_may_be_text(tmp_path: Path) -> None:
    fitted = trainer(max_steps=1)
    fitted.fit(module := classifier(), LOADER)
    path = str(tmp_path / "text.ckpt")
    fitted.save_checkpoint(path)
    network = load_network(path)
    torch.testing.assert_close(network(IMAGES), module.eval().backbone(IMAGES))
    assert load_checkpoint(path).num_classes == 10
    assert read_weights(path).keys() == read_weights(Path(path)).keys()
    assert find_damage(path) is None
    assert checksum(path) == checksum(Path(path))
