"""Layer scales: how large they are in training, and how far training can move them at all."""

import re
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from lit_models.recipe.config import PIECEWISE, TrainingConfig
from lit_models.space.spec import ArchSpec
from lit_models.training.metrics import stage_scale

if TYPE_CHECKING:
    from torch import Tensor, nn

# A layer scale's name, ours and timm's; a primitive in a row of layers may have a gamma of its own.
_GAMMA = re.compile(r"(?!.*\.layers\.(?:pointwise_in|spatial|pointwise_out)\.)(?:.*\.)?gamma")
_STAGE = re.compile(r"stages\.(\d+)\.")
# Below the first a branch hardly takes part at the start. With less than the second as the sum of
# the learning rates it does not get to take part as it does where layer scales come from (arXiv
# 2201.03545: 1e-6, and a sum of 187).
SMALL, ENOUGH = 1e-2, 5.0


def is_layer_scale(name: str) -> bool:
    """Whether a parameter of a network is a layer scale, by its name."""
    return _GAMMA.fullmatch(name) is not None


def mean_layer_scales(backbone: "nn.Module") -> dict[str, "Tensor"]:
    """Mean absolute layer scale (scalar) of every stage that has one, by the metric's name."""
    import torch

    found: defaultdict[int, list[Tensor]] = defaultdict(list)
    for name, value in backbone.named_parameters():
        if is_layer_scale(name):
            stage = _STAGE.match(name)
            found[int(stage[1]) if stage else 0].append(value.detach().abs().flatten())
    return {stage_scale(s): torch.cat(values).mean() for s, values in sorted(found.items())}


def stuck_scale(spec: ArchSpec, training: TrainingConfig, *, updates: int) -> float | None:
    """The smallest initial layer scale of a network, if `updates` optimizer steps cannot grow it.

    None where no layer scale starts below 1e-2, where the learning rates add up to 5 or more, and
    for optimizers whose steps are not bounded by the learning rate.
    """
    scales = [abs(b.layer_scale) for b in spec.branches() if b.layer_scale is not None]
    smallest = min(scales, default=SMALL)
    if smallest >= SMALL or "adam" not in training.optimizer.lower():
        return None
    return smallest if rate_sum(training, updates=updates) < ENOUGH else None


def rate_sum(training: TrainingConfig, *, updates: int) -> float:
    """About the sum of the learning rates of all `updates` optimizer steps of a training.

    AdamW moves a scalar by about the learning rate in a step at most, hence by this in all. From
    the areas under the schedule's parts, without its optimizer; a schedule that has none here
    counts as constant.
    """
    if training.schedule == PIECEWISE:
        knots = pairwise(training.lr_knots)
        area = sum((end - start) * (a + b) / 2 for (start, a), (end, b) in knots)
        return updates * area * training.lr
    warmup = training.warmup_epochs / training.epochs
    rising = (training.warmup_lr + training.lr) / 2
    return updates * (warmup * rising + (1 - warmup) * _mean_after_warmup(training))


def _mean_after_warmup(training: TrainingConfig) -> float:
    peak, floor = training.lr, training.min_lr
    if training.schedule == "cosine":
        return (peak + floor) / 2
    if training.schedule == "poly":
        return floor + (peak - floor) / (training.decay_rate + 1)
    if training.schedule == "step":
        length = (training.epochs - training.warmup_epochs) / training.decay_epochs
        whole = int(length)
        shares = [training.decay_rate**k for k in range(whole + 1)]
        return peak * (sum(shares[:whole]) + (length - whole) * shares[whole]) / length
    return peak
