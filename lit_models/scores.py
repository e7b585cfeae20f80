"""What is measured on a split: mean loss, top-1 and top-5 accuracy, over all devices."""

import torch
from torch.nn import functional
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from lit_models.metrics import LOSS, TOP1, TOP5, metric


class TopKAccuracy(MulticlassAccuracy):
    """Share of images in percent whose class is among the `top_k` largest logits."""

    def compute(self) -> torch.Tensor:
        """A scalar, 0-100."""
        # from the counts: 100 times a rounded share would read 15.000001
        right, wrong = self.tp.sum(), self.fn.sum()
        return 100 * right / (right + wrong)


def mean_loss() -> MeanMetric:
    """A mean that never looks at its values, so that no step waits for the GPU."""
    return MeanMetric(nan_strategy="disable")


def create_scores(num_classes: int, split: str, *, ema: bool = False) -> MetricCollection:
    """Loss and accuracies of one split; top-5 only where there are more than five classes.

    `compute()` gives a dict by full name (`val/top1`).
    """
    ranks = {TOP1: 1, **({TOP5: 5} if num_classes > 5 else {})}
    scores: dict[str, Metric | MetricCollection] = {LOSS: mean_loss()}
    for name, top_k in ranks.items():
        scores[name] = TopKAccuracy(
            num_classes=num_classes, top_k=top_k, average="micro", validate_args=False
        )
    return MetricCollection(scores, prefix=metric(split, "", ema=ema), compute_groups=False)


def update_scores(scores: MetricCollection, logits: torch.Tensor, targets: torch.Tensor) -> None:
    """Count a batch of logits `(N, K)` and classes `(N,)`."""
    logits = logits.float()
    loss = functional.cross_entropy(logits, targets)
    scores.update(preds=logits, target=targets, value=loss, weight=len(targets))
