"""ConvNeXt's own layers for layer decay, where timm's (`Backbone.group_matcher`) are others."""

import re
from typing import Any

from torch import nn

from lit_models.recipe.config import TrainingConfig

HEAD = 13  # the layer of what is behind the stages: its rate is not scaled
_PLACE = re.compile(r"stages\.(\d+)\.(?:blocks\.(\d+)|downsample)")
_STAGES = 4
_DOWNSAMPLING = (0, 2, 3, 12)  # of the layers before each stage


def convnext_layer(name: str) -> int:
    """The layer of a parameter of ours, from 0 (stem) to 13 (head).

    As optim_factory.py of github.com/facebookresearch/ConvNeXt at 048efce groups them: the first
    two stages are a layer each, the third one a layer for every three blocks, the fourth is one;
    12 of them where the third stage has 27 blocks, with a gap where it has fewer.
    """
    place = _PLACE.match(name)
    if place is None:
        return 0 if name.startswith("stem.") else HEAD
    stage, block = int(place[1]), place[2]
    if block is None:
        return _DOWNSAMPLING[stage]
    return (1, 2, 3 + int(block) // 3, 12)[stage]


def convnext_groups(backbone: nn.Module, training: TrainingConfig) -> list[dict[str, Any]]:
    """Parameter groups with `lr_scale` by ConvNeXt's layers and weight decay by the recipe.

    Raises ValueError for a network that does not have four stages, for which there is no such rule.
    """
    names = dict(backbone.named_parameters())
    stages = {int(place[1]) for name in names if (place := _PLACE.match(name))}
    if stages != set(range(_STAGES)):
        raise ValueError(
            "recipe.layer_decay_groups=convnext is a rule for networks of four stages, and this "
            f"one has {len(stages)}: leave it out to have timm's groups"
        )
    assert training.layer_decay is not None
    kept: set[str] = getattr(backbone, "no_weight_decay", set)()
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, value in names.items():
        decays = training.decay_all or not (
            value.ndim <= 1 or name.endswith(".bias") or name in kept
        )
        layer = convnext_layer(name)
        group = groups.setdefault(
            (layer, decays),
            {
                "params": [],
                "weight_decay": training.weight_decay if decays else 0.0,
                "lr_scale": training.layer_decay ** (HEAD - layer),
            },
        )
        group["params"].append(value)
    return list(groups.values())
