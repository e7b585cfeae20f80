"""A recipe's learning rates over the optimizer steps that a Trainer really makes."""

from math import floor
from typing import Any

import torch

from lit_models.recipe.config import CONSTANT, TrainingConfig
from lit_models.training.optimisation import create_schedule


class RecipeSchedule:
    """The recipe's schedule over `steps` optimizer steps, for Lightning.

    The recipe's epochs are shares of the whole: warm-up and decays keep their shares of a training
    that is longer or shorter than the recipe's epochs. A rate is a function of the recipe and of
    the number of steps done, so there is no state to save, and a resumed Trainer that goes on for
    longer gets the rates of its own length. `steps` None is a training without an end.

    Raises ValueError for a schedule that is none, or that needs an end and has none.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, training: TrainingConfig, *, steps: int | None
    ) -> None:
        self.optimizer = optimizer
        if steps is None:
            _require_no_end(training)
            steps = training.epochs
        whole, rest = divmod(steps, training.epochs)
        updates = steps / training.epochs if rest else whole
        self._updates, self._by_epoch = updates, training.schedule_by == "epoch"
        self._rates = create_schedule(optimizer, training, updates_per_epoch=updates)

    def step_update(self, done: int) -> None:
        """Set the rates of the optimizer step that comes after `done` steps."""
        if self._by_epoch:
            epochs = floor(done / self._updates + 1e-9)  # a fraction of steps may be inexact
            done = floor(epochs * self._updates)
        self._rates.step_update(done)

    def state_dict(self) -> dict[str, Any]:
        """Empty, since the rates are a function of the step."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Ignore it: it may be of a Trainer with another number of steps."""


def _require_no_end(training: TrainingConfig) -> None:
    if training.schedule == CONSTANT and not training.warmup_epochs:
        return
    raise ValueError(
        f"recipe.schedule={training.schedule} with recipe.warmup_epochs={training.warmup_epochs} "
        "needs to know how many optimizer steps there will be, and this Trainer has no end in "
        "steps: set max_epochs (for loaders that have a length) or max_steps, beside which "
        "max_time may still end the training earlier; or set recipe.schedule=constant and "
        "recipe.warmup_epochs=0, which need no end"
    )
