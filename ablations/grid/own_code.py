"""Augmentations and metrics of one's own, tried once before any run needs them."""

from dataclasses import replace

from ablations.planning.cost import Setting
from ablations.studies.config import Recipe

_IMAGES = 8


def try_own_code(recipe: Recipe, setting: Setting) -> None:
    """Call every augmentation and metric that the recipe names on a few random images.

    What they raise comes out as it is. Raises ValueError, naming one, where it gives something else
    than an augmentation or a metric has to; a metric's value is not judged, which so few images
    need not have.
    """
    if not (recipe.augment.custom or recipe.metrics):
        return
    import numpy as np
    import torch

    from datamodules.augment.custom import customised
    from lit_models.training.checked_metric import CheckedMetric

    side, draws = setting.image_size, torch.Generator().manual_seed(0)
    shape = (_IMAGES, setting.in_chans, side, side)
    images = torch.randint(0, 256, shape, generator=draws, dtype=torch.uint8)
    names = [name for name, _ in recipe.augment.own]  # whatever their probability
    customised(
        images,
        replace(recipe.augment, custom=names),
        draw=lambda stream: np.full(_IMAGES, 0.5),
    )
    logits = torch.randn(_IMAGES, setting.num_classes, generator=draws)
    for name in recipe.metrics:
        metric = CheckedMetric(name, num_classes=setting.num_classes)
        metric.update(logits, torch.arange(_IMAGES) % setting.num_classes)
