"""Metrics from outside this project, measured beside top-1 on val and test.

    @register_metric("calibration")
    def calibration(num_classes):
        return MulticlassCalibrationError(num_classes)

A recipe names them in `metrics`; they are logged as `val/NAME` and `test/NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lit_models.registry.registry import Registry, caller, check_registered, check_word
from lit_models.training.metrics import BALANCED, LOSS, TOP1, TOP5

if TYPE_CHECKING:
    from torchmetrics import Metric

    Make = Callable[[int], Metric]

METRICS: Registry[Make] = Registry("metric")

_KEY = "recipe.metrics"
_TAKEN = (LOSS, TOP1, TOP5, BALANCED)  # what is always measured


def register_metric(name: str) -> Callable[[Make], Make]:
    """Let recipes name the decorated function `make(num_classes)`: `metrics: [NAME]`.

    It makes a torchmetrics.Metric that is updated with logits (N, K) float32 and classes (N,), and
    computes a finite scalar. It is synchronised over devices as its states say.

    Raises:
        ValueError: the name is taken (with the place of the other), or no name.
    """
    origin = caller()

    def register(make: Make) -> Make:
        if name in _TAKEN:
            raise ValueError(f"{origin}: the metric {name!r} is always measured: use another name")
        check_word(name, what="a metric", origin=origin)
        return METRICS.register(name, make, origin=origin)

    return register


def check_metrics(names: Sequence[str]) -> None:
    """Raise ValueError, beginning with the key, for a name that is not registered."""
    check_registered(METRICS, names, key=_KEY)
