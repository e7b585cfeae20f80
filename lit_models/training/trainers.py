"""What a `LitClassifier` has to know of the Trainer that it is in, whoever made that."""

import math
from typing import Protocol, TypeVar, runtime_checkable

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    Callback,
    GradientAccumulationScheduler,
    StochasticWeightAveraging,
)

C = TypeVar("C", bound=Callback)


@runtime_checkable
class _Releases(Protocol):
    def release(self) -> None: ...


class ReleaseOnException(Callback):
    """Has a module `release` what only training needs, when that ends by an exception.

    Lightning calls callbacks then, and no hook of the module.
    """

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Release."""
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
