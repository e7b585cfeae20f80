"""A metric from outside, held to what a score has to be."""

import torch
from torchmetrics import Metric
from torchmetrics.wrappers.abstract import WrapperMetric

from lit_models.training.own_metrics import METRICS, check_metrics


class CheckedMetric(WrapperMetric):
    """A registered metric of logits and classes; its value has to be a finite scalar."""

    def __init__(self, name: str, *, num_classes: int) -> None:
        super().__init__()
        check_metrics([name])
        self.name = name
        made: object = METRICS[name](num_classes)
        if not isinstance(made, Metric):
            raise ValueError(f"{self._who()} made {made!r}, which is no torchmetrics.Metric")
        self.metric = made

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch of logits (N, K) and classes (N,)."""
        self.metric.update(preds, target)

    def compute(self) -> torch.Tensor:
        """A finite scalar; raises ValueError, naming the metric, for anything else."""
        value: object = self.metric.compute()
        if not isinstance(value, torch.Tensor) or not _is_finite_scalar(value):
            raise ValueError(f"{self._who()} gave {value!r}, but it has to be one finite number")
        return value.float().reshape(())

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self.metric.reset()

    def _who(self) -> str:
        return f"the metric {self.name!r} ({METRICS.origin(self.name)})"


def _is_finite_scalar(value: torch.Tensor) -> bool:
    return value.numel() == 1 and not value.is_complex() and bool(torch.isfinite(value).all())
