"""Optimizer and learning-rate schedule of a recipe, from timm's factories."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from timm.optim import create_optimizer_v2, get_optimizer_info, list_optimizers
from timm.scheduler.scheduler import Scheduler
from timm.scheduler.scheduler_factory import create_scheduler_v2
from torch import nn

from lit_models.recipe.config import CONSTANT, PIECEWISE, TrainingConfig
from lit_models.registry.names import close_names
from lit_models.training.layer_groups import convnext_groups
from lit_models.training.layer_scales import is_layer_scale


class PiecewiseLinear(Scheduler):
    """Straight lines between knots of (share of all updates, share of the peak rate)."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        knots: Sequence[tuple[float, float]],
        updates: float,
    ) -> None:
        super().__init__(optimizer, param_group_field="lr", t_in_epochs=False)
        self.times = [time * updates for time, _ in knots]
        self.shares = [share for _, share in knots]

    def _get_lr(self, t: int) -> list[float]:
        share = float(np.interp(t, self.times, self.shares))
        return [share * base for base in self.base_values]


def create_optimizer(backbone: nn.Module, training: TrainingConfig) -> torch.optim.Optimizer:
    """The recipe's optimizer over the backbone's parameters.

    Weight decay leaves out everything of one dimension (norms, biases, layer scale) unless
    `decay_all`, or `decay_layer_scale` for that. With `layer_decay`, groups follow the backbone's
    `group_matcher`, or ConvNeXt's own (`layer_groups`). timm's `sgd` is Nesterov momentum,
    `momentum` is the plain one. Raises ValueError for an unknown optimizer, and for settings that
    it does not read.
    """
    _require_name(training.optimizer, map(str, list_optimizers()), "recipe.optimizer")
    info = get_optimizer_info(training.optimizer)
    _require_read(training, momentum=info.has_momentum, betas=info.has_betas, eps=info.has_eps)
    extra: dict[str, Any] = {
        **({"betas": tuple(training.betas)} if info.has_betas else {}),
        **({"eps": training.eps} if info.has_eps else {}),
    }
    own = training.layer_decay_groups == "convnext"
    parameters: Any = convnext_groups(backbone, training) if own else backbone
    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        parameters,
        opt=training.optimizer,
        lr=training.lr,
        weight_decay=training.weight_decay,
        momentum=training.momentum,
        filter_bias_and_bn=not training.decay_all,
        layer_decay=None if own else training.layer_decay,
        **extra,
    )
    if training.decay_layer_scale and not training.decay_all:
        _decay_scales(optimizer, backbone, training)
    return optimizer


def _require_read(training: TrainingConfig, **read: bool) -> None:
    """Refuse a setting away from its default that the optimizer does not read."""
    defaults = TrainingConfig()
    for name, is_read in read.items():
        value = getattr(training, name)
        if not is_read and value != getattr(defaults, name):
            raise ValueError(
                f"recipe.{name} is {value}, but recipe.optimizer={training.optimizer} has none: "
                "leave it out"
            )


def _decay_scales(
    optimizer: torch.optim.Optimizer, backbone: nn.Module, training: TrainingConfig
) -> None:
    """Move layer scales from groups without weight decay to groups of their own with it."""
    names = backbone.named_parameters()
    scales = {id(scale) for name, scale in names if is_layer_scale(name)}
    for group in list(optimizer.param_groups):
        mine = [value for value in group["params"] if id(value) in scales]
        if mine and not group["weight_decay"]:
            group["params"] = [value for value in group["params"] if id(value) not in scales]
            decayed = {**group, "params": mine, "weight_decay": training.weight_decay}
            optimizer.add_param_group(decayed)


def create_schedule(
    optimizer: torch.optim.Optimizer, training: TrainingConfig, *, updates_per_epoch: float
) -> Scheduler:
    """The recipe's schedule; `step_update(k)` sets the rate of the optimizer step after k steps.

    Warm-up is linear over `warmup_epochs`, and the schedule proper starts at the peak when it ends,
    as in the released ConvNeXt code: cosine falls from `lr` to `min_lr` over the other epochs,
    `decay_epochs` count from there. Without `warmup_prefix` it starts with the warm-up, and what
    that covers is left out, as in timm's training script. An epoch has `updates_per_epoch` steps,
    of which a fraction is fine. A piecewise schedule is what its knots say.
    """
    if training.schedule == PIECEWISE:
        updates = training.epochs * updates_per_epoch
        lines = PiecewiseLinear(optimizer, knots=training.lr_knots, updates=updates)
        lines.step_update(0)
        return lines
    epochs: dict[str, Any] = {  # fractions are fine, timm's annotations are narrower than its code
        "num_epochs": training.epochs - training.warmup_epochs * training.warmup_prefix,
        "warmup_epochs": training.warmup_epochs,
        "decay_epochs": training.decay_epochs,
        "updates_per_epoch": updates_per_epoch,
    }
    made, _ = create_scheduler_v2(
        optimizer,
        # older releases of timm have no constant schedule: steps that decay nothing
        sched="step" if training.schedule == CONSTANT else training.schedule,
        decay_rate=1.0 if training.schedule == CONSTANT else training.decay_rate,
        min_lr=training.min_lr,
        warmup_lr=training.warmup_lr,
        warmup_prefix=training.warmup_prefix,
        step_on_epochs=False,
        **epochs,
    )
    scheduler: Scheduler = made
    # timm sets the warm-up's first rate itself, but without a group's lr_scale until the first call
    scheduler.step_update(0)
    return scheduler


def current_lr(optimizer: torch.optim.Optimizer) -> float:
    """The recipe's learning rate now: the largest over groups, before `layer_decay` scales it."""
    return max(float(group["lr"] / group.get("lr_scale", 1)) for group in optimizer.param_groups)


def _require_name(name: str, names: Iterable[str], key: str) -> None:
    known = sorted(names)
    if name not in known:
        near = close_names(name, known) or known
        raise ValueError(f"{key}: nothing is named {name!r}; nearest: {', '.join(near)}")
