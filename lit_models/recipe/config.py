"""How a network is trained, as data: the part of a recipe that `LitClassifier` reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, get_args, get_origin, get_type_hints

from lit_models.recipe.ranges import TRAINING
from lit_models.recipe.weight_files import is_timm
from lit_models.registry.names import nearest
from lit_models.registry.ranges import check_ranges

Distillation = Literal["hard", "soft"]
PIECEWISE = "piecewise"  # the one schedule that is not timm's
CONSTANT = "constant"
# Schedules that are a function of the number of updates: timm's (its plateau needs a metric), ours
Schedule = Literal["constant", "cosine", "piecewise", "poly", "step", "tanh"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true"]  # Lightning's
# what only some schedules read
_READ_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"decay_epochs": ("step",), "decay_rate": ("step", "poly")}
)


@dataclass
class TrainingConfig:
    """Optimisation of one run: plain defaults; recipes in experiments.yaml say the rest."""

    epochs: int = 10
    batch_size: int = 128  # images per optimizer step, over all devices and accumulated batches
    # images per forward pass, more micro batches than devices are accumulated; None: batch_size, on
    # one device
    batch_size_per_device: int | None = None
    optimizer: str = "adamw"  # a timm optimizer name
    lr: float = 1e-3  # peak learning rate, for the whole batch_size
    # on weights of 2 or more dimensions only; norms, biases, layer scale: 0
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)  # AdamW and its family
    eps: float = 1e-8  # AdamW and its family
    momentum: float = 0.9  # SGD and its family
    decay_all: bool = False  # True: weight decay on every parameter (the plain ResNet recipe)
    decay_layer_scale: bool = False  # True: weight decay on layer scales, too
    layer_decay: float | None = None  # learning-rate factor per layer from the head down; None: off
    # what is a layer of layer_decay: as timm has it, or as the released ConvNeXt code (12 groups)
    layer_decay_groups: Literal["timm", "convnext"] = "timm"
    # a timm scheduler name, or piecewise (straight lines)
    schedule: Schedule = "cosine"
    # step: the rate moves at every optimizer step; epoch: it stays what it is at an epoch's start
    schedule_by: Literal["step", "epoch"] = "step"
    warmup_epochs: float = 0.0  # linear from warmup_lr to lr
    warmup_lr: float = 0.0
    # True: the schedule proper begins after the warm-up; False: with it, and its first part is
    # never seen (timm's default)
    warmup_prefix: bool = True
    min_lr: float = 0.0  # where the schedule ends
    decay_epochs: float = 30.0  # step schedule: epochs between decays
    decay_rate: float = 0.1  # step schedule: factor of one decay; poly: the power, 1 is a line
    # piecewise schedule: [share of the epochs, share of lr] where two lines meet, from 0 to 1
    lr_knots: list[tuple[float, float]] = field(default_factory=list)
    label_smoothing: float = 0.0
    mixup: float = 0.0  # Beta parameter; 0: off
    cutmix: float = 0.0  # Beta parameter; 0: off
    mixup_prob: float = 1.0  # of a batch being mixed at all
    mixup_switch_prob: float = 0.5  # of cutmix instead of mixup when both are on
    mixup_mode: Literal["batch", "pair", "elem"] = "batch"  # as in timm
    drop_path_rate: float | None = None  # None: the spec's own rate
    # factor on the initial weights and bias of the classifier; below 1 to fine-tune
    head_init_scale: float = 1.0
    blur_pool: bool = False  # True: every network gets blur pool (lit_models/space/arrangement.py)
    gradient_clip: float | None = None  # largest gradient norm; None: off
    ema_decay: float | None = (
        None  # exponential moving average of weights, reported beside the raw ones
    )
    ema_warmup: bool = True  # smaller decay in the first steps, as timm's ModelEmaV3
    flip_test: bool = False  # evaluation: mean of the logits of an image and its mirror image
    precision: Precision = "32-true"  # mixed is autocast, true the type of everything
    tf32: bool = False  # GPU: float32 convolutions and matrix products in TF32 (faster, coarser)
    sync_batch_norm: bool = False  # batch norm over the micro batches of all devices at once
    channels_last: bool = False
    compile: bool = False  # torch.compile
    deterministic: bool = False  # PyTorch's deterministic algorithms (slower on CUDA)
    # fine-tuning: the weights that a network starts from, timm/NAME (timm's pretrained ones), a
    # checkpoint's path, or a run's folder; None: initial values. The classifier
    # is a fresh one where the file has none or one of other classes; everything else has to fit.
    start_from: str | None = None
    start_from_ema: bool = False  # the file's averaged weights where it has raw ones, too
    # knowledge distillation: timm/NAME (timm's pretrained weights), a checkpoint's path, or a run's
    # folder; None: off
    teacher: str | None = None
    teacher_ema: bool = False  # a checkpoint's averaged weights instead of its raw ones
    distillation: Distillation = "hard"  # what the teacher gives: its class, or its probabilities
    distillation_alpha: float = 0.5  # share of the teacher in the loss, in (0, 1]
    distillation_temperature: float = 1.0  # soft: divides both logits
    # metrics from files of one's own by name, measured on val and test beside top-1
    metrics: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check_choices(self)
        check_ranges(self, TRAINING, prefix="recipe")
        _check_mixing(self)
        _check_schedule(self)
        _check_knots(self)
        _check_distillation(self)
        _check_metrics(self.metrics)
        if self.start_from_ema and (self.start_from is None or is_timm(self.start_from)):
            raise ValueError(
                f"recipe.start_from_ema has no meaning for recipe.start_from={self.start_from}: it "
                "chooses between the sets of weights in a file; leave it out"
            )


def device_batch(config: TrainingConfig) -> int:
    """Images that a device takes at once: what batch norm and mixing work within."""
    return config.batch_size_per_device or config.batch_size


def _check_choices(config: TrainingConfig) -> None:
    """Refuse what is none of a field's choices; the message begins with the key."""
    for name, choices in _choices().items():
        value = getattr(config, name)
        if value not in choices:
            raise ValueError(f"recipe.{name} is {value!r}. {nearest(str(value), choices)}")


@cache
def _choices() -> Mapping[str, tuple[str, ...]]:
    hints = get_type_hints(TrainingConfig)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def _check_schedule(config: TrainingConfig) -> None:
    """Refuse rates above the peak and what the schedule does not read, by key."""
    for name in ("warmup_lr", "min_lr"):
        rate = getattr(config, name)
        if rate > config.lr:
            raise ValueError(
                f"recipe.{name} is {rate}, above the peak of recipe.lr={config.lr}: choose at most "
                "that"
            )
    if config.warmup_epochs >= config.epochs:
        raise ValueError(
            f"recipe.warmup_epochs={config.warmup_epochs} leaves nothing of "
            f"recipe.epochs={config.epochs}: choose a shorter warm-up"
        )
    defaults = {f.name: f.default for f in fields(TrainingConfig)}
    for name, schedules in _READ_BY.items():
        value = getattr(config, name)
        if value != defaults[name] and config.schedule not in schedules:
            raise ValueError(
                f"recipe.{name} is {value}, but recipe.schedule={config.schedule} does not read it "
                f"(it is for {' and '.join(schedules)}): leave it out"
            )
    if config.layer_decay is None and config.layer_decay_groups != "timm":
        raise ValueError(
            f"recipe.layer_decay_groups is {config.layer_decay_groups}, but it has no meaning "
            "without recipe.layer_decay: set that, or leave it out"
        )
    if not config.warmup_prefix and (not config.warmup_epochs or config.schedule == PIECEWISE):
        raise ValueError(
            "recipe.warmup_prefix=false has no meaning without recipe.warmup_epochs: leave it out"
        )


def _check_mixing(config: TrainingConfig) -> None:
    """Refuse a batch of odd size, which mixup cannot pair; the message begins with the key."""
    if not (config.mixup > 0 or config.cutmix > 0) or device_batch(config) % 2 == 0:
        return
    key = "batch_size_per_device" if config.batch_size_per_device else "batch_size"
    odd = device_batch(config)
    near = [number for number in (odd - 1, odd + 1) if number]
    raise ValueError(
        f"recipe.{key} is {odd}, but mixup and cutmix pair the images that a device takes at once: "
        f"choose an even number, such as {' or '.join(map(str, near))}"
    )


def _check_knots(config: TrainingConfig) -> None:
    """Refuse knots that are no schedule, or that nothing reads; messages begin with the key."""
    if config.schedule != PIECEWISE:
        if config.lr_knots:
            raise ValueError(
                f"recipe.lr_knots has no meaning for recipe.schedule={config.schedule}: set that "
                f"to {PIECEWISE}, or leave the knots out"
            )
        return
    times, shares = [time for time, _ in config.lr_knots], [share for _, share in config.lr_knots]
    ascending = all(before < after for before, after in pairwise(times))
    if not ascending or times[:1] + times[-1:] != [0, 1] or min(shares) < 0:
        raise ValueError(
            f"recipe.lr_knots is {[list(knot) for knot in config.lr_knots]}, but a {PIECEWISE} "
            "schedule needs pairs [share of the epochs, share of lr], the first share ascending "
            "from 0 to 1, the second at least 0, such as [[0, 0], [0.4, 1], [1, 0]]"
        )
    if config.warmup_epochs:
        raise ValueError(
            f"recipe.warmup_epochs is {config.warmup_epochs}, but the warm-up of a {PIECEWISE} "
            "schedule is its first line: leave the key out"
        )


def _check_metrics(names: list[str]) -> None:
    """Refuse a name that is there twice; whether it is registered is seen where it is used."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"recipe.metrics has {twice[0]} twice: name it once")


def _check_distillation(config: TrainingConfig) -> None:
    """Refuse what no run could use, or what would change nothing; messages begin with the key."""
    _check_teacher_is_used(config)


def _check_teacher_is_used(config: TrainingConfig) -> None:
    names = ("teacher_ema", "distillation", "distillation_alpha", "distillation_temperature")
    defaults = {f.name: f.default for f in fields(TrainingConfig)}
    changed = [name for name in names if getattr(config, name) != defaults[name]]
    if config.teacher is None and changed:
        raise ValueError(
            f"recipe.{changed[0]} is {getattr(config, changed[0])!r}, but it has no meaning "
            "without a teacher: set recipe.teacher, or leave it out"
        )
    if config.distillation == "hard" and config.distillation_temperature != 1:
        raise ValueError(
            f"recipe.distillation_temperature is {config.distillation_temperature}, but it has no "
            "meaning for recipe.distillation=hard, which takes the teacher's class: leave it out"
        )
    if config.teacher_ema and is_timm(config.teacher):
        raise ValueError(
            f"recipe.teacher_ema has no meaning for recipe.teacher={config.teacher}: timm has one "
            "set of weights; leave it out"
        )
