"""Knowledge distillation: a trained network, the teacher, gives a share of the student's loss.

The definitions are those of DeiT (Touvron et al. 2021, arXiv 2012.12877, section 4), which
Robust-ResNet (arXiv 2206.03452) uses; a convolutional student has one classifier, so both terms
read the same logits.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lit_models.recipe.config import Distillation, TrainingConfig
from lit_models.recipe.weight_files import TIMM, checkpoint_file, is_timm
from lit_models.registry.names import close_names
from lit_models.weights.checkpoints import load_checkpoint


class Teacher:
    """A trained network whose outputs a student learns from; it is not trained itself.

    It is no module of the student's: nothing of it is in the state dict, the average, the
    optimizer, or what DDP synchronises. `said` is what is to be said of where its weights are from;
    empty: nothing.
    """

    def __init__(self, network: nn.Module, training: TrainingConfig, *, said: str = "") -> None:
        self.training, self.said = training, said
        self.network = network.eval().requires_grad_(requires_grad=False)
        if training.channels_last:
            self.network.to(memory_format=torch.channels_last)
        if training.compile:
            self.network.compile()

    def to(self, parameter: Tensor) -> None:
        """Move to the device and the type of a parameter of the student."""
        self.network.to(device=parameter.device, dtype=parameter.dtype)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Images `(N, C, H, W)` to logits `(N, K)`, without a gradient."""
        logits: Tensor = self.network(images)
        return logits

    def loss(self, loss: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        """The student's loss with the teacher's share; see `distillation_loss`."""
        return distillation_loss(
            loss,
            logits,
            taught,
            kind=self.training.distillation,
            alpha=self.training.distillation_alpha,
            temperature=self.training.distillation_temperature,
        )


def distillation_loss(
    loss: Tensor,
    logits: Tensor,
    taught: Tensor,
    *,
    kind: Distillation,
    alpha: float,
    temperature: float = 1.0,
) -> Tensor:
    """The student's own loss, and how far its logits `(N, K)` are from the teacher's.

    The definitions of DeiT (arXiv 2012.12877, section 4). With student logits s, teacher logits t,
    the loss CE against the targets, alpha a and temperature T:

        hard: (1 - a) CE + a cross_entropy(s, argmax t)
        soft: (1 - a) CE + a T^2 KL, KL = sum_k p_k (log p_k - log q_k), p = softmax(t / T),
              q = softmax(s / T)

    Both means over the batch, at least in float32. The paper's hard loss has a = 1/2; its code
    has a as an option. For the soft loss that code divides by the number of classes as well, the
    paper does not, and neither does this.
    """
    s, t = _wide(logits), _wide(taught)
    if kind == "hard":
        return (1 - alpha) * loss + alpha * functional.cross_entropy(s, t.argmax(1))
    ours = functional.log_softmax(s / temperature, dim=1)
    theirs = functional.log_softmax(t / temperature, dim=1)
    apart = functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
    return (1 - alpha) * loss + alpha * temperature**2 * apart


def load_teacher(
    training: TrainingConfig, *, num_classes: int, in_chans: int, fetch: bool = True
) -> Teacher | None:
    """The recipe's teacher with its weights, on the CPU; None: the recipe has none.

    Without `fetch`, a network of timm has random weights, which is enough to take its time.
    Raises ValueError, beginning with the key, when there is no such network, its weights cannot be
    had, or its classes or image channels are not the student's.
    """
    name = training.teacher
    if name is None:
        return None
    said = ""
    if is_timm(name):
        network = timm_network(name.removeprefix(TIMM), key="recipe.teacher", pretrained=fetch)
    else:
        path = checkpoint_file(name, key="recipe.teacher")
        loaded = load_checkpoint(path, ema=training.teacher_ema)
        network, said = loaded.model, loaded.said
    expected = {"classes": num_classes, "image channels": in_chans}
    found = {"classes": _classes(network), "image channels": _channels(network)}
    for what, number in expected.items():
        if found[what] not in (None, number):
            raise ValueError(
                f"recipe.teacher={name} has {found[what]} {what} and the data {number}: choose a "
                "teacher that was trained on these classes and images"
            )
    return Teacher(network, training, said=f"recipe.teacher={name}: {said}" if said else "")


def check_teacher(
    training: TrainingConfig,
    *,
    num_classes: int,
    in_chans: int,
    sides: Iterable[int],
    mean: Sequence[float],
    std: Sequence[float],
) -> None:
    """Load the recipe's teacher, and show it an image of every side (px) that training has.

    `mean` and `std` are what the images are normalised with. Raises ValueError, beginning with the
    key, when the teacher is not there or does not fit.
    """
    teacher = load_teacher(training, num_classes=num_classes, in_chans=in_chans)
    if teacher is None:
        return
    name = f"recipe.teacher={training.teacher}"
    if is_timm(training.teacher):  # a checkpoint's network saw the data of its run
        _check_normalisation(teacher.network, name, ours=(*mean, *std))
    for side in sides:
        try:
            shape = tuple(teacher(torch.zeros(1, in_chans, side, side)).shape)
        except (ValueError, RuntimeError, AssertionError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{name} cannot see images of {side} px: {reason}") from None
        if shape != (1, num_classes):
            raise ValueError(
                f"{name} gives {shape} for one image, expected {(1, num_classes)}: it is no "
                f"classifier of these {num_classes} classes"
            )


def _check_normalisation(network: nn.Module, name: str, *, ours: Sequence[float]) -> None:
    config: Any = getattr(network, "pretrained_cfg", None) or {}
    theirs = (*config.get("mean", ()), *config.get("std", ()))
    if theirs and not np.allclose(theirs, ours, atol=1e-3):
        raise ValueError(
            f"{name} was trained on images normalised with mean and std {theirs}, and the data's "
            f"are {tuple(ours)}: it would see other images than it knows; choose another teacher"
        )


def timm_network(name: str, *, key: str, pretrained: bool = True) -> nn.Module:
    """A network of timm with its pretrained weights, or as it is built.

    Raises ValueError, beginning with `key`, when there is none or its weights cannot be had.
    """
    import timm

    if not timm.is_model(name):
        near = close_names(name, timm.list_models())
        hint = f"did you mean {' or '.join(near)}?" if near else "see timm.list_models()"
        raise ValueError(f"{key}: timm has no network {name!r}; {hint}")
    if not timm.models.is_model_pretrained(name):
        raise ValueError(f"{key}: timm has no pretrained weights for {name!r}")
    try:
        network: nn.Module = timm.create_model(name, pretrained=pretrained)
    except Exception as error:  # whatever the hub's client raises: no network, no such file
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{key}: timm's weights for {name!r} are not here and cannot be fetched "
            f"({reason}): fetch them where there is a network, or give the path of a checkpoint"
        ) from None
    return network


def _classes(network: nn.Module) -> int | None:
    found = getattr(network, "num_classes", None)
    return int(found) if isinstance(found, int) else None


def _channels(network: nn.Module) -> int | None:
    """Image channels: those of the first convolution."""
    found = getattr(network, "in_chans", None)
    if isinstance(found, int):
        return found
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    return None if first is None else first.in_channels


def _wide(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
