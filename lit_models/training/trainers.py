"""What `LitClassifier` needs of the Trainer that runs it."""

import math
from numbers import Integral
from typing import Any, Protocol, TypeVar, runtime_checkable

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    Callback,
    GradientAccumulationScheduler,
    StochasticWeightAveraging,
)
from lightning.pytorch.utilities import rank_zero_warn

from lit_models.recipe.config import TrainingConfig

C = TypeVar("C", bound=Callback)


@runtime_checkable
class _Releases(Protocol):
    def release(self) -> None: ...


@runtime_checkable
class _Accumulates(Protocol):
    batch_size: int

    def accumulate(self, devices: int) -> int: ...


class ReleaseOnException(Callback):
    """Calls the module's `release` when a training ends by an exception.

    Lightning calls callbacks then, and no hook of the module.
    """

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Call the module's `release`, if it has one."""
        if isinstance(pl_module, _Releases):
            pl_module.release()


def callbacks_of(trainer: pl.Trainer, kind: type[C]) -> list[C]:
    """The Trainer's callbacks of a kind."""
    there: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set in a connector
    return [callback for callback in there if isinstance(callback, kind)]


def total_steps(trainer: pl.Trainer) -> int | None:
    """Optimizer steps until the Trainer's `max_epochs` or `max_steps`; None: it has neither.

    None also for `max_epochs` over a loader without a length. `max_time` and early stopping may end
    a training before.
    """
    steps = trainer.estimated_stepping_batches
    if not 0 <= steps < math.inf:
        return None
    changing = callbacks_of(trainer, GradientAccumulationScheduler)
    if changing and trainer.max_epochs and 0 < trainer.num_training_batches < math.inf:
        cuts = [changing[0].get_accumulate_grad_batches(e) for e in range(trainer.max_epochs)]
        steps = sum(math.ceil(trainer.num_training_batches / cut) for cut in cuts)
        steps = steps if trainer.max_steps == -1 else min(steps, trainer.max_steps)
    return max(1, int(steps))


def require_one_average(trainer: pl.Trainer, ema_decay: float | None) -> None:
    """Raise ValueError for StochasticWeightAveraging beside the recipe's own average."""
    if ema_decay is not None and callbacks_of(trainer, StochasticWeightAveraging):
        raise ValueError(
            f"recipe.ema_decay={ema_decay} and StochasticWeightAveraging both average the "
            "weights, and the callback resets the batch norm statistics of both but renews one: "
            "leave one of them out"
        )


def trainer_options(training: TrainingConfig) -> dict[str, Any]:
    """The arguments of a Trainer that belong to a recipe."""
    return {
        "max_epochs": training.epochs,
        "precision": training.precision,
        "gradient_clip_val": training.gradient_clip,
        "sync_batchnorm": training.sync_batch_norm,
        "deterministic": training.deterministic,
        "benchmark": not training.deterministic,
    }


def require_same_settings(trainer: pl.Trainer, training: TrainingConfig) -> None:
    """Raise ValueError for a Trainer without the recipe's gradient clipping; warn of a precision.

    A recipe's precision need not be one of the device that it is tried on.
    """
    advice = "give it that, or all of the recipe: Trainer(**module.trainer_options)"
    clip, found = training.gradient_clip, trainer.gradient_clip_val
    if clip is not None and clip != found:
        raise ValueError(
            f"recipe.gradient_clip is {clip}, but the Trainer has gradient_clip_val={found}: "
            f"{advice}"
        )
    precision = training.precision
    if precision not in (TrainingConfig().precision, trainer.precision):
        rank_zero_warn(
            f"recipe.precision is {precision}, but the Trainer has precision={trainer.precision}: "
            f"{advice}"
        )


def require_same_batch(trainer: pl.Trainer, training: TrainingConfig) -> None:
    """Raise ValueError for a Trainer that steps before the data module's `batch_size` is complete.

    Where an optimizer step has several micro batches on a device, as `batch_size_per_device` asks,
    the Trainer has to add them up. Warns of a recipe for batches of another size.
    """
    data: Any = trainer.datamodule  # type: ignore[attr-defined]  # set in a connector
    if not isinstance(data, _Accumulates) or callbacks_of(trainer, GradientAccumulationScheduler):
        return
    size = training.batch_size
    if size not in (TrainingConfig().batch_size, data.batch_size):
        rank_zero_warn(
            f"recipe.batch_size is {size}, for which its learning rate is, but the data has "
            f"batch_size={data.batch_size}: give it that, or change recipe.lr with it"
        )
    wanted, found = data.accumulate(trainer.world_size), trainer.accumulate_grad_batches
    if wanted > 1 and found != wanted:
        raise ValueError(
            f"an optimizer step of this data has {wanted} micro batches on every device, but the "
            f"Trainer has accumulate_grad_batches={found}: give it {wanted}, or make "
            "batch_size_per_device larger"
        )


def require_sizes(**sizes: object) -> None:
    """Raise ValueError for a number of classes or channels that is none."""
    for name, value in sizes.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} is {value!r}, but it has to be a whole number from 1 on")


def require_same_data(trainer: pl.Trainer, **sizes: int) -> None:
    """Raise ValueError for a data module whose `num_classes` or `in_chans` are other ones."""
    data: Any = trainer.datamodule  # type: ignore[attr-defined]  # set in a connector
    for name, ours in sizes.items():
        theirs = getattr(data, name, ours)
        if theirs != ours:
            raise ValueError(
                f"the network has {name}={ours} and the data {theirs}: "
                f"LitClassifier(..., {name}={theirs})"
            )
