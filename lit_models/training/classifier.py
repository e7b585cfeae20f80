"""`LitClassifier`: any spec, trained by any recipe, as a LightningModule."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from lit_models.families.reference import Network
from lit_models.families.serialise import to_dict
from lit_models.network.builder import build, resolve
from lit_models.network.seeding import seed_draws
from lit_models.network.step_statistics import StepStatistics
from lit_models.recipe.apply import apply_recipe
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.plain import plain_training, training_config
from lit_models.training.batch_mixing import create_batch_mixing, create_criterion
from lit_models.training.distillation import Teacher, load_teacher
from lit_models.training.ema import create_ema
from lit_models.training.evaluation import Batch, EvaluatedClassifier
from lit_models.training.initial_weights import load_start, scale_classifier
from lit_models.training.layer_scales import mean_layer_scales
from lit_models.training.metrics import BATCH_LOSS, TRAIN_LOSS
from lit_models.training.optimisation import create_optimizer, current_lr
from lit_models.training.schedule import RecipeSchedule
from lit_models.training.scores import MeanLoss
from lit_models.training.trainers import (
    ReleaseOnException,
    callbacks_of,
    require_one_average,
    require_same_batch,
    require_same_settings,
    require_sizes,
    total_steps,
    trainer_options,
)


class LitClassifier(EvaluatedClassifier):
    """A network with its optimisation, for any `lightning.Trainer`.

    Batches are images `(N, C, H, W)` and classes `(N,)`. Every random draw of a training step is a
    function of seed, epoch and the micro batch's place in it, and batch norm's running statistics
    move once a step: neither depends on how many devices share the step.

    The learning rates follow the Trainer: the recipe's schedule is stretched over the optimizer
    steps that `max_epochs` and `max_steps` leave, with warm-up and decays at their shares of the
    recipe's epochs, also in a resumed training that goes on for longer. Without either, such as
    with `max_time` alone, only a constant schedule without warm-up has rates. What else of a recipe
    belongs to the Trainer is in `trainer_options`.

    Hyper-parameters are plain containers, so that `load_from_checkpoint(path)` needs no arguments
    and loads with `weights_only=True`.

    Args:
        spec: a network: its name (also `timm/NAME`), a spec, or what `to_dict` made of one.
        training: the recipe: a `TrainingConfig`, or values for some of its fields by name.
        num_classes: classes of the data.
        in_chans: channels of an image.
        seed: of initial values and of the draws in training.

    Raises:
        ValueError: an unknown network or an illegal spec; an unknown or wrong field of the recipe;
            from `fit`, a Trainer without an end in steps (see above) or with other settings than
            the recipe's, data of other classes, or StochasticWeightAveraging beside `ema_decay`.
    """

    def __init__(
        self,
        spec: str | Mapping[str, Any] | Network,
        training: Mapping[str, Any] | TrainingConfig | None = None,
        *,
        num_classes: int = 1000,
        in_chans: int = 3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        network = resolve(spec)
        self.training_config = config = training_config(training)
        plain = {"spec": to_dict(network), "training": plain_training(config)}
        sizes = {"num_classes": num_classes, "in_chans": in_chans}
        require_sizes(**sizes)
        self.save_hyperparameters({**plain, **sizes, "seed": seed})
        self.seed = seed
        self.spec = apply_recipe(network, config)
        self.backbone = build(self.spec, num_classes=num_classes, in_chans=in_chans, seed=seed)
        scale_classifier(self.backbone, config.head_init_scale)
        if config.channels_last:
            self.backbone.to(memory_format=torch.channels_last)
        self.ema = create_ema(self.backbone, config)
        if config.compile:
            self.backbone.compile()  # in place: names in the state dict stay
        self.mix = create_batch_mixing(config, num_classes=num_classes)
        self.criterion = create_criterion(config)
        self.train_loss = MeanLoss()
        self.create_scores(num_classes)
        self.last_lr = config.lr  # of the latest optimizer step
        self.untouched = True  # the weights are the initial ones, which `start` may replace
        self.teacher: Teacher | None = None  # while it trains, where the recipe has one
        self.statistics: StepStatistics | None = None  # while it trains

    @property
    def trainer_options(self) -> dict[str, Any]:
        """What the recipe says about the Trainer: `Trainer(**module.trainer_options)`."""
        return trainer_options(self.training_config)

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

        Raises ValueError for data of other classes or channels, for a Trainer with other settings
        than the recipe's or the data's, for two averages, and where the weights are not there or do
        not fit.
        """
        self.on_test_start()
        require_one_average(self.trainer, self.training_config.ema_decay)
        require_same_settings(self.trainer, self.training_config)
        require_same_batch(self.trainer, self.training_config)
        if self.untouched and (said := self.start()):
            self.print(said)
        if self.teacher is not None:
            self.teacher.to(next(self.backbone.parameters()))
            if self.teacher.said:
                self.print(self.teacher.said)

    def on_train_start(self) -> None:
        """Look up the batch norms, which a strategy may have replaced until now."""
        self.statistics = StepStatistics(self.backbone)
        for config in self.trainer.lr_scheduler_configs:  # a resumed optimizer has its old rates
            if isinstance(config.scheduler, RecipeSchedule):
                config.scheduler.step_update(self.global_step)

    def on_train_epoch_start(self) -> None:
        """Look up the batch norms, which callbacks may have replaced; clear old gradients."""
        self.statistics = StepStatistics(self.backbone)
        # StochasticWeightAveraging ends with a pass that has an optimizer step, but no backward
        # pass: gradients of the epoch before would move the averaged weights
        self.zero_grad()

    def on_fit_end(self) -> None:
        """Release what only training needs."""
        self.release()

    def configure_callbacks(self) -> list[Callback]:
        """Add the callback that does so when a training ends by an exception or Ctrl-C."""
        return [] if callbacks_of(self.trainer, ReleaseOnException) else [ReleaseOnException()]

    def release(self) -> None:
        """Drop what only training needs: the teacher and the running statistics of a step."""
        self.teacher = self.statistics = None

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the generators, so that no draw depends on what was drawn before."""
        # micro batch a of rank r is number a * world + r of its step, as the sampler cuts it
        place = batch_idx * self.trainer.world_size + self.global_rank
        seed_draws(self.seed, self.current_epoch, place, device=self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The batch's mean loss, after mixing; the teacher sees what the student sees."""
        images, targets = self.mix(*batch)
        taught = None if self.teacher is None else self.teacher(self._to_memory_format(images))
        logits = self._train_logits(images)
        loss = self.criterion(logits, targets)
        if self.teacher is not None and taught is not None:
            loss = self.teacher.loss(loss, logits, taught)
        self.train_loss.update(loss.detach(), len(images))
        return loss

    def _train_logits(self, images: torch.Tensor) -> torch.Tensor:
        """Logits in training."""
        if self.statistics is None:  # called without a Trainer
            return cast("torch.Tensor", self(images))
        self.statistics.begin()
        logits: torch.Tensor = self(images)
        self.statistics.keep()
        return logits

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Show the batch's loss in the progress bar, if there is one (it waits for the device)."""
        if self.trainer.progress_bar_callback is not None:
            self.log(BATCH_LOSS, outputs["loss"], prog_bar=True, logger=False, on_step=True)

    def on_train_epoch_end(self) -> None:
        """Log the epoch's mean loss, weighted by images, over all devices, and layer scales."""
        self.log(TRAIN_LOSS, self.train_loss, prog_bar=True)
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
        """Set our schedule by the optimizer steps done; any other follows Lightning's rule."""
        if isinstance(scheduler, RecipeSchedule):
            scheduler.step_update(self.global_step)
        else:
            super().lr_scheduler_step(scheduler, metric)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step the optimizer, then running statistics and average, once for all micro batches."""
        self.last_lr = current_lr(self.trainer.optimizers[0])
        super().optimizer_step(*args, **kwargs)
        if self.statistics is not None:
            self.statistics.settle()
        if self.ema is not None:
            self.ema.update(self.backbone, step=self.global_step + 1)
