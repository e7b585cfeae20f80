"""Mixup, CutMix and label smoothing: from a batch and class numbers to inputs and loss targets."""

from collections.abc import Callable

import torch
from timm.data.mixup import Mixup
from torch.nn import functional

from lit_models.recipe.config import TrainingConfig

BatchMixing = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def create_batch_mixing(training: TrainingConfig, *, num_classes: int) -> BatchMixing:
    """A function of images `(N, C, H, W)` and classes `(N,)`: mixup or CutMix, as in timm.

    With mixing, targets are probabilities `(N, num_classes)` that hold the label smoothing;
    without, both are returned as they are. Draws come from NumPy's global generator. The function
    raises ValueError for a batch of odd size, which timm cannot mix.
    """
    if not is_mixing(training):
        return lambda images, targets: (images, targets)
    mixup = Mixup(
        mixup_alpha=training.mixup,
        cutmix_alpha=training.cutmix,
        prob=training.mixup_prob,
        switch_prob=training.mixup_switch_prob,
        mode=training.mixup_mode,
        label_smoothing=training.label_smoothing,
        num_classes=num_classes,
    )

    def mix(images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if len(images) % 2:
            raise ValueError(
                f"mixup and cutmix pair the images of a batch, but this one has {len(images)}: "
                "choose an even recipe.batch_size_per_device"
            )
        # timm mixes in place; the loader may have handed out a view of the data set
        mixed, soft = mixup(images.clone(), targets)
        return mixed, soft

    return mix


def create_criterion(training: TrainingConfig) -> Criterion:
    """Mean cross entropy of logits `(N, K)` and the targets that mixing gave, in float32."""
    smoothing = 0.0 if is_mixing(training) else training.label_smoothing

    def criterion(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits.float(), targets, label_smoothing=smoothing)

    return criterion


def is_mixing(training: TrainingConfig) -> bool:
    """Whether the recipe mixes images at all."""
    return training.mixup > 0 or training.cutmix > 0
