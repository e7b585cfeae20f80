"""The exponential moving average of the weights: measured beside the raw ones, never instead."""

from timm.utils.model_ema import ModelEmaV3
from torch import nn

from lit_models.training import TrainingConfig


def create_ema(backbone: nn.Module, training: TrainingConfig) -> ModelEmaV3 | None:
    """timm's average of parameters and buffers, in a copy of `backbone`; None: the recipe has none.

    Raises ValueError for a decay outside [0, 1).
    """
    decay = training.ema_decay
    if decay is None:
        return None
    if not 0 <= decay < 1:
        raise ValueError(f"recipe.ema_decay is in [0, 1), found {decay}")
    ema = ModelEmaV3(backbone, decay=decay, use_warmup=training.ema_warmup)
    ema.requires_grad_(requires_grad=False)  # for DDP they would be parameters without a gradient
    return ema
