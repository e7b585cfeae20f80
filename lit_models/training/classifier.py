"""`LitClassifier`: any spec, trained by any recipe, as a LightningModule."""

from collections.abc import Mapping
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torchmetrics import MetricCollection

from lit_models.families.serialise import from_dict
from lit_models.network.builder import build
from lit_models.network.seeding import seed_draws
from lit_models.network.step_statistics import StepStatistics
from lit_models.recipe.config import trained_spec, training_config
from lit_models.training.batch_mixing import create_criterion, create_mixer
from lit_models.training.distillation import Teacher, load_teacher
from lit_models.training.ema import create_ema
from lit_models.training.initial_weights import load_start, scale_classifier
from lit_models.training.layer_scales import mean_layer_scales
from lit_models.training.metrics import TEST, TRAIN_LOSS, VAL
from lit_models.training.optimisation import create_optimizer, current_lr
from lit_models.training.schedule import RecipeSchedule
from lit_models.training.scores import MeanLoss, create_scores, update_scores
from lit_models.training.trainers import (
    ReleaseOnException,
    callbacks_of,
    require_one_average,
    total_steps,
)

Batch = tuple[torch.Tensor, torch.Tensor]  # images (N, C, H, W), classes (N,)


class LitClassifier(pl.LightningModule):
    """The network of `spec` with the optimisation of `training`.

    Hyper-parameters are plain containers (`to_dict(spec)`, the fields of a `TrainingConfig`): a
    checkpoint loads with `weights_only=True`. Batches are images `(N, C, H, W)` and classes `(N,)`.
    Every random draw of a training step is a function of seed, epoch and the micro batch's place in
    it, and batch norm's running statistics move once a step: neither depends on how many devices
    share the step.

    The learning rates follow the Trainer: the recipe's schedule is stretched over the optimizer
    steps that `max_epochs` and `max_steps` leave, with warm-up and decays at their shares of the
    recipe's epochs, also in a resumed training that goes on for longer. Without either, such as
    with `max_time` alone, only a constant schedule without warm-up has rates.

    Raises ValueError for an illegal spec or an unknown training field, optimizer or schedule; from
    `fit` for a Trainer without an end in steps (see above), and for StochasticWeightAveraging
    beside the recipe's `ema_decay`.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        training: Mapping[str, Any],
        *,
        num_classes: int,
        in_chans: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.seed = seed
        self.training_config = config = training_config(training)
        self.spec = trained_spec(from_dict(spec), config)
        self.backbone = build(self.spec, num_classes=num_classes, in_chans=in_chans, seed=seed)
        scale_classifier(self.backbone, config.head_init_scale)
        if config.channels_last:
            self.backbone.to(memory_format=torch.channels_last)
        self.ema = create_ema(self.backbone, config)
        if config.compile:
            self.backbone.compile()  # in place: names in the state dict stay
        self.mixer = create_mixer(config, num_classes=num_classes)
        self.criterion = create_criterion(config)
        self.train_loss = MeanLoss()
        self.scores = nn.ModuleDict(
            {split: create_scores(num_classes, split) for split in (VAL, TEST)}
        )
        self.ema_scores = nn.ModuleDict(
            {split: create_scores(num_classes, split, ema=True) for split in (VAL, TEST)}
            if self.ema is not None
            else {}
        )
        self.last_lr = config.lr  # of the latest optimizer step
        self.untouched = True  # the weights are the initial ones, which `start` may replace
        self.teacher: Teacher | None = None  # while it trains, where the recipe has one
        self.statistics: StepStatistics | None = None  # while it trains

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(N, C, H, W)` to logits `(N, num_classes)`."""
        logits: torch.Tensor = self.backbone(self._laid_out(images))
        return logits

    def start(self) -> str:
        """Load the weights that the recipe starts from, if any, and have the average follow.

        Returns what is to be said of them; empty: nothing. Raises ValueError as `load_start` does.
        """
        said = load_start(self.backbone, self.training_config)
        if self.ema is not None and self.training_config.start_from is not None:
            self.ema.set(self.backbone)  # type: ignore[no-untyped-call]
        self.untouched = False
        return said

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember that the weights are a checkpoint's, which the recipe's start must not undo."""
        self.untouched = False

    def setup(self, stage: str) -> None:
        """Load the recipe's teacher, which only training needs. Raises ValueError as it does."""
        if stage == "fit":
            classes, channels = self.hparams["num_classes"], self.hparams["in_chans"]
            config = self.training_config
            self.teacher = load_teacher(config, num_classes=classes, in_chans=channels)

    def on_fit_start(self) -> None:
        """Start from the recipe's weights, unless resumed; have the teacher follow to the device.

        Raises ValueError for two averages, and where the weights are not there or do not fit.
        """
        require_one_average(self.trainer, self.training_config.ema_decay)
        if self.untouched and (said := self.start()):
            self.print(said)
        if self.teacher is not None:
            self.teacher.to(next(self.backbone.parameters()))
            if self.teacher.said:
                self.print(self.teacher.said)

    def on_train_start(self) -> None:
        """Find the running statistics: a strategy may have replaced batch norms until now."""
        self.statistics = StepStatistics(self.backbone)
        for config in self.trainer.lr_scheduler_configs:  # a resumed optimizer has its old rates
            if isinstance(config.scheduler, RecipeSchedule):
                config.scheduler.step_update(self.global_step)

    def on_train_epoch_start(self) -> None:
        """Find the running statistics, which callbacks may have replaced; no old gradients."""
        self.statistics = StepStatistics(self.backbone)
        # StochasticWeightAveraging ends with a pass that has an optimizer step, but no backward
        # pass: gradients of the epoch before would move the averaged weights
        self.zero_grad()

    def on_fit_end(self) -> None:
        """Let the teacher go, and what only training needs."""
        self.release()

    def configure_callbacks(self) -> list[Callback]:
        """What lets go of the same when a training ends by an exception, Ctrl-C too."""
        return [] if callbacks_of(self.trainer, ReleaseOnException) else [ReleaseOnException()]

    def release(self) -> None:
        """Let go of what only training needs: the teacher, and the step's running statistics."""
        self.teacher = self.statistics = None

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the generators, so that no draw depends on what was drawn before."""
        # micro batch a of rank r is number a * world + r of its step, as the sampler cuts it
        place = batch_idx * self.trainer.world_size + self.global_rank
        seed_draws(self.seed, self.current_epoch, place, device=self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The batch's mean loss, after mixing; the teacher sees what the student sees."""
        images, targets = self.mixer(*batch)
        taught = None if self.teacher is None else self.teacher(self._laid_out(images))
        logits = self._trained(images)
        loss = self.criterion(logits, targets)
        if self.teacher is not None and taught is not None:
            loss = self.teacher.loss(loss, logits, taught)
        self.train_loss.update(loss.detach(), len(images))
        return loss

    def _trained(self, images: torch.Tensor) -> torch.Tensor:
        """Logits in training."""
        if self.statistics is None:  # called without a Trainer
            return cast("torch.Tensor", self(images))
        self.statistics.begin()
        logits: torch.Tensor = self(images)
        self.statistics.keep()
        return logits

    def on_train_epoch_end(self) -> None:
        """Log the epoch's mean loss, weighted by images, over all devices, and layer scales."""
        self.log(TRAIN_LOSS, self.train_loss)
        self.log_dict(mean_layer_scales(self.backbone))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """timm's optimizer, and the recipe's schedule over the trainer's optimizer steps."""
        config = self.training_config
        optimizer = create_optimizer(self.backbone, config)
        schedule: Any = RecipeSchedule(optimizer, config, steps=total_steps(self.trainer))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Ours is a function of the number of optimizer steps; others keep Lightning's rule."""
        if isinstance(scheduler, RecipeSchedule):
            scheduler.step_update(self.global_step)
        else:
            super().lr_scheduler_step(scheduler, metric)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One step of optimizer, running statistics, then the average (never one a batch)."""
        self.last_lr = current_lr(self.trainer.optimizers[0])
        super().optimizer_step(*args, **kwargs)
        if self.statistics is not None:
            self.statistics.settle()
        if self.ema is not None:
            self.ema.update(self.backbone, step=self.global_step + 1)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count a batch with the raw and the averaged weights."""
        self._count(batch, VAL)

    def test_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Count a batch with the raw and the averaged weights; the raw ones' logits `(N, K)`."""
        return self._count(batch, TEST)

    def predict_step(self, batch: Batch | torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Logits `(N, K)` as in a test, of images or of a batch whose first item they are."""
        images = batch if isinstance(batch, torch.Tensor) else batch[0]
        return self._tested(self.backbone, images)

    def on_validation_epoch_end(self) -> None:
        """Log loss and accuracies."""
        self._log_scores(VAL)

    def on_test_epoch_end(self) -> None:
        """Log loss and accuracies."""
        self._log_scores(TEST)

    def _count(self, batch: Batch, split: str) -> torch.Tensor:
        images, targets = batch
        logits = self._tested(self.backbone, images)
        update_scores(_collection(self.scores, split), logits, targets)
        if self.ema is not None:
            averaged = self._tested(self.ema, images)
            update_scores(_collection(self.ema_scores, split), averaged, targets)
        return logits

    def _tested(self, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Logits in evaluation; with the recipe's `flip_test`, their mean over both directions."""
        logits: torch.Tensor = network(self._laid_out(images))
        if not self.training_config.flip_test:
            return logits
        mirrored: torch.Tensor = network(self._laid_out(images.flip(-1)))
        return (logits.float() + mirrored.float()) / 2  # in float32, whatever the precision

    def _laid_out(self, images: torch.Tensor) -> torch.Tensor:
        last = self.training_config.channels_last
        layout = torch.channels_last if last else torch.contiguous_format
        return images.contiguous(memory_format=layout)  # loaders hand out either

    def _log_scores(self, split: str) -> None:
        for group in (self.scores, self.ema_scores):
            if split in group:
                self.log_dict(_collection(group, split))


def _collection(group: nn.ModuleDict, split: str) -> MetricCollection:
    scores = group[split]
    assert isinstance(scores, MetricCollection)
    return scores
