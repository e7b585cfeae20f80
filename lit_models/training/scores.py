"""What is measured on a split: mean loss, top-1 and top-5 accuracy, over all devices."""

from collections.abc import Sequence

import torch
from torch.nn import functional
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from lit_models.training.checked_metric import CheckedMetric
from lit_models.training.metrics import BALANCED, LOSS, TOP1, TOP5, metric


class TopKAccuracy(MulticlassAccuracy):
    """Share of images in percent whose class is among the `top_k` largest logits."""

    def compute(self) -> torch.Tensor:
        """A scalar, 0-100."""
        # from the counts: 100 times a rounded share would read 15.000001
        assert isinstance(self.tp, torch.Tensor)
        assert isinstance(self.fn, torch.Tensor)
        right, wrong = self.tp.sum(), self.fn.sum()
        return 100 * right / (right + wrong)


class BalancedAccuracy(Metric):
    """Mean over the classes of the share of a class's images that are right, in percent.

    It is torchmetrics' MulticlassAccuracy with average="macro", but for a class without an image,
    which that counts as one with nothing right as soon as it is predicted once. And that fills a
    table of classes x classes for each batch.
    """

    full_state_update = False
    right: torch.Tensor
    images: torch.Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        for name in ("right", "images"):  # of each class
            none = torch.zeros(num_classes, dtype=torch.long)
            self.add_state(name, none, dist_reduce_fx="sum")

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch of logits (N, K) and classes (N,)."""
        classes = len(self.images)
        hits = target[preds.argmax(1) == target]
        self.right += torch.bincount(hits, minlength=classes)
        self.images += torch.bincount(target, minlength=classes)

    def compute(self) -> torch.Tensor:
        """A scalar, 0-100."""
        there = self.images > 0
        return (100 * self.right[there].float() / self.images[there]).mean()


class MeanLoss(Metric):
    """Mean over images of a loss that is given as the mean of a batch.

    torchmetrics' MeanMetric either looks at each value for NaN, which makes every step wait for the
    GPU, or (nan_strategy="disable", torchmetrics 1.9) ignores the weights.
    """

    full_state_update = False
    total: torch.Tensor
    images: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, loss: torch.Tensor, images: int) -> None:
        """Add the mean loss (scalar) of a number of images."""
        self.total += loss * images
        self.images += images

    def compute(self) -> torch.Tensor:
        """A scalar."""
        return self.total / self.images


def create_scores(
    num_classes: int, split: str, *, ema: bool = False, own: Sequence[str] = ()
) -> MetricCollection:
    """Loss and accuracies of one split; top-5 only where there are more than five classes.

    Balanced accuracy is top-1 where every class has as many images. `own` are names of registered
    metrics; raises ValueError for one that is not.

    `compute()` gives a dict by full name (`val/top1`).
    """
    ranks = {TOP1: 1, **({TOP5: 5} if num_classes > 5 else {})}
    scores: dict[str, Metric | MetricCollection] = {LOSS: MeanLoss()}
    for name, top_k in ranks.items():
        scores[name] = TopKAccuracy(
            num_classes=num_classes, top_k=top_k, average="micro", validate_args=False
        )
    scores[BALANCED] = BalancedAccuracy(num_classes)
    scores |= {name: CheckedMetric(name, num_classes=num_classes) for name in own}
    return MetricCollection(scores, prefix=metric(split, "", ema=ema), compute_groups=False)


def update_scores(scores: MetricCollection, logits: torch.Tensor, targets: torch.Tensor) -> None:
    """Update the metrics of a split with a batch of logits `(N, K)` and classes `(N,)`."""
    logits = logits.float()
    loss = functional.cross_entropy(logits, targets)
    scores.update(preds=logits, target=targets, loss=loss, images=len(targets))
