"""The values that fields of a configuration may have: one table a class, one check for all."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LARGE = 1_000_000  # no run has as many of anything


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; ends that are open are no values themselves."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        """Whether a number is in it; what is no number is in none."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        """`above 0 and at most 1`."""
        low = "above" if self.open_low else "at least"
        high = "below" if self.open_high else "at most"
        return f"{low} {_short(self.low)} and {high} {_short(self.high)}"


SHARE = Range(0, 1)
COUNT = Range(1, LARGE)
POSITIVE = Range(0, LARGE, open_low=True)
NOT_NEGATIVE = Range(0, LARGE)
BELOW_ONE = Range(0, 1, open_high=True)

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


def check_ranges(config: Any, ranges: Mapping[str, Range], *, prefix: str) -> None:
    """Refuse a number outside the range of its field; None is always a value.

    Raises ValueError that begins with the key, with what was found and what may be there.
    """
    for name, allowed in ranges.items():
        for value in _numbers(getattr(config, name)):
            if not math.isfinite(value) or value not in allowed:
                raise ValueError(f"{prefix}.{name} is {value}, but it has to be {allowed}.")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif value is not None:
        yield value


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
