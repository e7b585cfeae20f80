"""Which parts of an image matter to a network: by its gradients, or by its attention."""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lit_models.probes.pixels import Pixels
from lit_models.weights.tensor_files import first_line, read_tensors

HEAD = 1  # of six, counted from 0, as in the code of arXiv 2407.08972
_DINO, _SIDE = "vit_small_patch16_224.dino", 224
# What its files keep it in: the whole training's has two networks, of which one is used.
_WRAPPERS, _PREFIXES = ("teacher", "state_dict"), ("module.", "backbone.")


def class_gradients(network: Pixels, pixels: Tensor, labels: Tensor) -> Tensor:
    """How much each pixel changes the logit of the class: (N, H, W), 0 or more.

    The largest absolute gradient over the channels (arXiv 1312.6034, section 3.1).

    Args:
        network: whose logits they are.
        pixels: (N, C, H, W) in [0, 1].
        labels: (N,) int64.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        inputs = pixels.detach().clone().requires_grad_()
        logits = network(inputs).gather(1, labels[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), inputs)
    return gradient.abs().amax(1)


def load_dino(path: Path) -> Pixels:
    """DINO's ViT-S/16 (arXiv 2104.14294), as timm builds it, from a checkpoint of its authors.

    Raises:
        ValueError: the file cannot be read, or holds something else; it is named.
    """
    import timm

    network: nn.Module = timm.create_model(_DINO, pretrained=False, num_classes=0)
    content: Mapping[str, Any] = read_tensors(path)
    for wrapper in _WRAPPERS:
        content = content[wrapper] if isinstance(content.get(wrapper), Mapping) else content
    for prefix in _PREFIXES:
        content = {key.removeprefix(prefix): value for key, value in content.items()}
    weights = {key: value for key, value in content.items() if not key.startswith("head.")}
    try:
        network.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} does not hold the weights of DINO's ViT-S/16: {first_line(error)}"
        ) from None
    said: Any = network.pretrained_cfg
    return Pixels(network.float(), mean=said["mean"], std=said["std"])


def class_attention(dino: Pixels, pixels: Tensor) -> Tensor:
    """How much of the last block's attention of the class token each patch gets: (N, 14, 14).

    Args:
        dino: of `load_dino`.
        pixels: (N, C, H, W) in [0, 1]; resampled to 224 px, one channel repeated to three.
    """
    images = functional.interpolate(
        pixels, (_SIDE, _SIDE), mode="bilinear", align_corners=False, antialias=True
    ).expand(-1, 3, -1, -1)
    network: Any = dino.network
    attention = network.blocks[-1].attn
    attention.fused_attn = False  # a fused kernel never has the weights
    rows: list[Tensor] = []
    handle = attention.attn_drop.register_forward_pre_hook(
        lambda module, given: rows.append(given[0][:, HEAD, 0, 1:])
    )
    try:
        with torch.inference_mode():
            dino(images)
    finally:
        handle.remove()
    every = torch.cat(rows)[: len(pixels)]  # `Pixels` fills the last pass up
    side = isqrt(every.shape[1])
    return every.view(-1, side, side)
