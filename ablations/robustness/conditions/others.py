"""Networks beside those that are asked: one that attacks are made on, one whose gradients guide."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import torch
from torch import nn

from ablations.robustness.conditions.suites import Setting
from datamodules.catalog.resolved import resolve
from lit_models.probes.pixels import Pixels
from lit_models.recipe.weight_files import TIMM, checkpoint_file, checksum, is_timm
from lit_models.training.distillation import timm_network
from lit_models.weights.checkpoints import load_checkpoint


@dataclass(frozen=True)
class OtherNetwork:
    """A trained network that tells the same classes apart.

    Attributes:
        name: as it was given, such as `timm/vit_base_patch16_224`; the digest says what it is.
        digest: SHA-256 of the checkpoint, or of all weights of a network of timm.
        pixels: the network behind its normalisation.
        device: where it lies.
    """

    name: str
    digest: str
    pixels: Pixels = field(compare=False)
    device: torch.device = field(compare=False)


def other_network(value: str, setting: Setting, *, key: str) -> OtherNetwork:
    """A network in float32, in evaluation mode.

    Args:
        value: `timm/NAME`, a run's folder, or the path of a checkpoint.
        setting: whose images it is to see, and whose classes it is to know.
        key: that named it.

    Raises:
        ValueError: it is not there, or made for other classes, channels or sides; beginning with
            the key.
    """
    made = _of_timm if is_timm(value) else _of_checkpoint
    network = made(value, setting, key)
    _show(network, setting, key)
    return network


def _of_timm(value: str, setting: Setting, key: str) -> OtherNetwork:
    network = timm_network(value.removeprefix(TIMM), key=key)
    said: Any = network.pretrained_cfg
    pixels = Pixels(network.float(), mean=said["mean"], std=said["std"]).to(setting.device)
    return OtherNetwork(value, weights_digest(network), pixels, setting.device)


def _of_checkpoint(value: str, setting: Setting, key: str) -> OtherNetwork:
    path = checkpoint_file(value, key=key)
    model, info = load_checkpoint(path).model.float(), resolve(setting.data).info
    pixels = Pixels(model, mean=info.mean, std=info.std).to(setting.device)
    return OtherNetwork(value, checksum(path), pixels, setting.device)


def _show(network: OtherNetwork, setting: Setting, key: str) -> None:
    """Show it one image: what it cannot see is said before anything is evaluated."""
    images, classes = setting.images, len(setting.images.class_names)
    shape = (1, images.in_chans, images.side, images.side)
    try:
        found = network.pixels(torch.zeros(shape, device=network.device)).shape[1]
    except (ValueError, RuntimeError, AssertionError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{key}={network.name} cannot see images of {images.in_chans} channels and "
            f"{images.side} px: {reason}"
        ) from None
    if found != classes:
        raise ValueError(
            f"{key}={network.name} tells {found} classes apart and {images.title} has {classes}: "
            "choose a network that was trained on these classes"
        )


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of the names and values of all weights."""
    digest = sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
