"""The numbers that fields of a recipe may have."""

from collections.abc import Mapping

from lit_models.registry.ranges import BELOW_ONE, COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Range

# Of `TrainingConfig`, by field.
TRAINING: Mapping[str, Range] = {
    "epochs": COUNT,
    "batch_size": COUNT,
    "batch_size_per_device": COUNT,
    "lr": Range(0, 1000, open_low=True),
    "weight_decay": Range(0, 100),
    "betas": BELOW_ONE,
    "eps": Range(0, 1, open_low=True),
    "momentum": BELOW_ONE,
    "layer_decay": Range(0, 1, open_low=True),
    "warmup_epochs": NOT_NEGATIVE,
    "warmup_lr": Range(0, 1000),
    "min_lr": Range(0, 1000),
    "decay_epochs": POSITIVE,
    "decay_rate": Range(0, 100, open_low=True),
    "lr_knots": Range(0, 1000),
    "label_smoothing": BELOW_ONE,
    "mixup": Range(0, 1000),
    "cutmix": Range(0, 1000),
    "mixup_prob": SHARE,
    "mixup_switch_prob": SHARE,
    "drop_path_rate": BELOW_ONE,
    "head_init_scale": Range(0, 1000, open_low=True),
    "gradient_clip": POSITIVE,
    "ema_decay": BELOW_ONE,
    "distillation_alpha": Range(0, 1, open_low=True),
    "distillation_temperature": POSITIVE,
}
