"""The exponential moving average of the weights: measured beside the raw ones, never instead."""

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from lit_models.recipe.config import TrainingConfig


class Ema(ModelEmaV3):
    """timm's average, for networks whose blocks share weights too.

    A state dict lists a shared tensor under every block, and timm's update goes through the state
    dict: such a tensor would move several times a step.
    """

    def apply_update_(self, model: nn.Module, decay: float) -> None:
        """Move parameters and floating-point buffers toward the model's, each once."""
        ours = [*self.module.parameters(), *self.module.buffers()]
        theirs = [*model.parameters(), *model.buffers()]
        pairs = list(zip(ours, theirs, strict=True))
        moved = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_([o for o, _ in moved], [t for _, t in moved], 1.0 - decay)
        for our, their in pairs:
            if not our.is_floating_point():
                our.copy_(their)


def create_ema(backbone: nn.Module, training: TrainingConfig) -> Ema | None:
    """timm's average of parameters and buffers, in a copy of `backbone`; None: there is none."""
    decay = training.ema_decay
    if decay is None:
        return None
    ema = Ema(backbone, decay=decay, use_warmup=training.ema_warmup)
    ema.requires_grad_(requires_grad=False)  # for DDP they would be parameters without a gradient
    return ema
