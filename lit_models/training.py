"""How a network is trained, as data: the part of a recipe that `LitClassifier` reads."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from lit_models.spec import ArchSpec


@dataclass
class TrainingConfig:
    """Optimisation of one run: plain defaults; recipes in experiments.yaml say the rest."""

    epochs: int = 10
    batch_size: int = 128  # images per optimizer step, over all devices and accumulated batches
    batch_size_per_device: int | None = None  # images per forward pass; None: batch_size / devices
    optimizer: str = "adamw"  # a timm optimizer name
    lr: float = 1e-3  # peak learning rate, for the whole batch_size
    weight_decay: float = (
        0.05  # on weights of 2 or more dimensions only; norms, biases, layer scale: 0
    )
    betas: tuple[float, float] = (0.9, 0.999)  # AdamW and its family
    eps: float = 1e-8  # AdamW and its family
    momentum: float = 0.9  # SGD and its family
    decay_all: bool = False  # True: weight decay on every parameter (the plain ResNet recipe)
    layer_decay: float | None = None  # learning-rate factor per layer from the head down; None: off
    schedule: str = "cosine"  # a timm scheduler name, stepped once per optimizer step
    warmup_epochs: float = 0.0  # linear from warmup_lr to lr
    warmup_lr: float = 0.0
    min_lr: float = 0.0  # where the schedule ends
    decay_epochs: float = 30.0  # step schedule: epochs between decays
    decay_rate: float = 0.1  # step schedule: factor of one decay; poly: the power, 1 is a line
    label_smoothing: float = 0.0
    mixup: float = 0.0  # Beta parameter; 0: off
    cutmix: float = 0.0  # Beta parameter; 0: off
    mixup_prob: float = 1.0  # of a batch being mixed at all
    mixup_switch_prob: float = 0.5  # of cutmix instead of mixup when both are on
    mixup_mode: str = "batch"  # batch, pair or elem, as in timm
    drop_path_rate: float | None = None  # None: the spec's own rate
    blur_pool: bool = False  # True: every network gets blur pool (lit_models/spec.py)
    gradient_clip: float | None = None  # largest gradient norm; None: off
    ema_decay: float | None = (
        None  # exponential moving average of weights, reported beside the raw ones
    )
    ema_warmup: bool = True  # smaller decay in the first steps, as timm's ModelEmaV3
    flip_test: bool = False  # evaluation: mean of the logits of an image and its mirror image
    precision: str = "32-true"  # a Lightning precision: 32-true, bf16-mixed, 16-mixed
    channels_last: bool = False
    compile: bool = False  # torch.compile
    deterministic: bool = False  # PyTorch's deterministic algorithms (slower on CUDA)


def training_config(values: Mapping[str, Any]) -> TrainingConfig:
    """Plain values as a `TrainingConfig`; raises ValueError naming unknown fields."""
    known = {field.name for field in fields(TrainingConfig)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"training: unknown fields {unknown}; known: {sorted(known)}")
    return TrainingConfig(**values)


def trained_spec(spec: ArchSpec, training: TrainingConfig) -> ArchSpec:
    """The network that is trained: the spec with what the recipe says about networks.

    Applied to its own result it changes nothing. Raises IllegalSpec when that is no network, or
    has nothing to blur.
    """
    rate = training.drop_path_rate
    return replace(
        spec,
        drop_path_rate=spec.drop_path_rate if rate is None else rate,
        blur_pool=spec.blur_pool or training.blur_pool,
    )
