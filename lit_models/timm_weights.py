"""Weights between our networks and timm's, by a key map, in both directions.

A `KeyMap` is a row of `(our pattern, timm's replacement, linear)` rules; the first that matches a
key gives its name in timm. `linear` marks 1x1 convolutions that timm stores as linear layers:
`(out, in)` there, `(out, in, 1, 1)` here. ResNet keys are those of `timm.models.resnet`, ConvNeXt
keys those of `timm.models.convnext` (timm 1.0).
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from lit_models.backbone import Backbone

Rule = tuple[str, str, bool]
KeyMap = tuple[Rule, ...]

_BLOCK = r"^stages\.(\d+)\.blocks\.(\d+)\.0\."

RESNET_KEYS: KeyMap = (
    (r"^stem\.0\.conv\.", r"conv1.", False),
    (r"^stem\.0\.norm\.", r"bn1.", False),
    (_BLOCK + r"layers\.pointwise_in\.conv\.", r"layer\1.\2.conv1.", False),
    (_BLOCK + r"layers\.pointwise_in\.norm\.", r"layer\1.\2.bn1.", False),
    (_BLOCK + r"layers\.spatial\.conv\.", r"layer\1.\2.conv2.", False),
    (_BLOCK + r"layers\.spatial\.norm\.", r"layer\1.\2.bn2.", False),
    (_BLOCK + r"layers\.pointwise_out\.conv\.", r"layer\1.\2.conv3.", False),
    (_BLOCK + r"layers\.pointwise_out\.norm\.", r"layer\1.\2.bn3.", False),
    (_BLOCK + r"shortcut\.conv\.", r"layer\1.\2.downsample.0.", False),
    (_BLOCK + r"shortcut\.norm\.", r"layer\1.\2.downsample.1.", False),
    (r"^head\.fc\.", r"fc.", False),
)
CONVNEXT_KEYS: KeyMap = (
    (r"^stem\.0\.conv\.", r"stem.0.", False),
    (r"^stem\.0\.norm\.", r"stem.1.", False),
    (r"^stages\.(\d+)\.downsample\.0\.", r"stages.\1.downsample.0.", False),
    (r"^stages\.(\d+)\.downsample\.1\.conv\.", r"stages.\1.downsample.1.", False),
    (_BLOCK + r"layers\.spatial\.conv\.", r"stages.\1.blocks.\2.conv_dw.", False),
    (_BLOCK + r"layers\.spatial\.norm\.", r"stages.\1.blocks.\2.norm.", False),
    (_BLOCK + r"layers\.pointwise_in\.conv\.weight$", r"stages.\1.blocks.\2.mlp.fc1.weight", True),
    (_BLOCK + r"layers\.pointwise_in\.conv\.", r"stages.\1.blocks.\2.mlp.fc1.", False),
    (_BLOCK + r"layers\.pointwise_out\.conv\.weight$", r"stages.\1.blocks.\2.mlp.fc2.weight", True),
    (_BLOCK + r"layers\.pointwise_out\.conv\.", r"stages.\1.blocks.\2.mlp.fc2.", False),
    (_BLOCK + r"scale\.gamma$", r"stages.\1.blocks.\2.gamma", False),
    (r"^head\.norm\.", r"head.norm.", False),
    (r"^head\.fc\.", r"head.fc.", False),
)
KEY_MAPS: tuple[KeyMap, ...] = (RESNET_KEYS, CONVNEXT_KEYS)


def to_timm(model: Backbone) -> dict[str, Tensor]:
    """The model's weights under timm's keys and shapes.

    Raises ValueError when timm has no such network: no key map names every weight, or it has blur
    pool.
    """
    _refuse_blur_pool(model)
    ours = model.state_dict()
    for key_map in KEY_MAPS:
        named = _rename(ours, key_map)
        if named is not None:
            return {
                theirs: ours[key].flatten(1) if linear else ours[key]
                for key, (theirs, linear) in named.items()
            }
    raise ValueError("timm has no network of this spec: only ResNets and ConvNeXts have a key map")


def from_timm(model: Backbone, state_dict: Mapping[str, Tensor]) -> None:
    """Fill every parameter and buffer of `model` from a timm state dict.

    Raises ValueError, and leaves the model as it was, when keys are missing, left over or
    misshapen, or when timm has no such network.
    """
    _refuse_blur_pool(model)
    ours = model.state_dict()
    named = next((n for n in (_rename(ours, m) for m in KEY_MAPS) if n is not None), None)
    if named is None:
        raise ValueError(
            "timm has no network of this spec: only ResNets and ConvNeXts have a key map"
        )
    wanted = {theirs for theirs, _ in named.values()}
    _refuse("lacks", sorted(wanted - set(state_dict)))
    _refuse("has keys that this network does not:", sorted(set(state_dict) - wanted))
    filled = {key: state_dict[theirs] for key, (theirs, _) in named.items()}
    wrong = [key for key, value in filled.items() if value.numel() != ours[key].numel()]
    _refuse("has other shapes for", wrong)
    with torch.no_grad():
        model.load_state_dict(
            {key: value.reshape(ours[key].shape) for key, value in filled.items()}
        )


def _refuse_blur_pool(model: Backbone) -> None:
    # the names and shapes would fit, since blurs have no weights; the logits would be others
    if model.spec.blur_pool:
        raise ValueError(
            "timm has no network of this spec: blur_pool blurs the input of a strided convolution, "
            "and timm's resnetblur50 the output of one whose stride it took away"
        )


def _refuse(problem: str, keys: list[str]) -> None:
    if keys:
        raise ValueError(f"the state dict {problem} {len(keys)} weights, such as {keys[:3]}")


def _rename(ours: Mapping[str, Tensor], key_map: KeyMap) -> dict[str, tuple[str, bool]] | None:
    """Our key -> (timm's key, linear) for every weight, or None when the map lacks one."""
    named: dict[str, tuple[str, bool]] = {}
    for key in ours:
        for pattern, replacement, linear in key_map:
            theirs, hits = re.subn(pattern, replacement, key)
            if hits:
                named[key] = (_count_from_one(theirs), linear)
                break
        else:
            return None
    return named


def _count_from_one(key: str) -> str:
    """timm's ResNet counts `layer1`... where stages count from 0."""
    return re.sub(r"^layer(\d+)", lambda found: f"layer{int(found[1]) + 1}", key)
