"""The evaluation of a classifier, with its raw and its averaged weights, as Lightning's steps."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torchmetrics import MetricCollection

from lit_models.recipe.config import TrainingConfig
from lit_models.training.ema import Ema
from lit_models.training.metrics import TEST, TOP1, VAL
from lit_models.training.scores import create_scores, update_scores
from lit_models.training.trainers import require_same_data

Batch = tuple[torch.Tensor, torch.Tensor]  # images (N, C, H, W), classes (N,)


class EvaluatedClassifier(pl.LightningModule):
    """Validation, test and prediction with a network: `LitClassifier` without its training.

    Attributes:
        backbone: the network.
        ema: the average of its weights; None: the recipe has none.
        training_config: the recipe.
        scores: of the raw weights, by split.
        ema_scores: of the averaged weights, by split; empty without an average.
    """

    backbone: Any  # an nn.Module: Backbone, or timm's
    ema: Ema | None
    training_config: TrainingConfig

    def create_scores(self, num_classes: int) -> None:
        """Make the scores, when the other attributes are there."""
        own = self.training_config.metrics
        self.scores = nn.ModuleDict(
            {split: create_scores(num_classes, split, own=own) for split in (VAL, TEST)}
        )
        self.ema_scores = nn.ModuleDict(
            {split: create_scores(num_classes, split, ema=True, own=own) for split in (VAL, TEST)}
            if self.ema is not None
            else {}
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images `(N, C, H, W)` to logits `(N, num_classes)`."""
        logits: torch.Tensor = self.backbone(self._to_memory_format(images))
        return logits

    def on_test_start(self) -> None:
        """Raise ValueError for data of other classes or channels than the network's."""
        sizes = {name: self.hparams[name] for name in ("num_classes", "in_chans")}
        require_same_data(self.trainer, **sizes)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the scores with the predictions of the raw and the averaged weights."""
        self._update_scores(batch, VAL)

    def test_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Update the scores as in validation; returns the raw weights' logits `(N, K)`."""
        return self._update_scores(batch, TEST)

    def predict_step(self, batch: Batch | torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Logits `(N, K)` as in a test, of images or of a batch whose first item they are."""
        images = batch if isinstance(batch, torch.Tensor) else batch[0]
        return self._eval_logits(self.backbone, images)

    def on_validation_epoch_end(self) -> None:
        """Log loss and accuracies."""
        self._log_scores(VAL)

    def on_test_epoch_end(self) -> None:
        """Log loss and accuracies."""
        self._log_scores(TEST)

    def _update_scores(self, batch: Batch, split: str) -> torch.Tensor:
        images, targets = batch
        logits = self._eval_logits(self.backbone, images)
        update_scores(_collection(self.scores, split), logits, targets)
        if self.ema is not None:
            averaged = self._eval_logits(self.ema, images)
            update_scores(_collection(self.ema_scores, split), averaged, targets)
        return logits

    def _eval_logits(self, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Logits in evaluation; with `flip_test`, averaged over the image and its mirror image."""
        logits: torch.Tensor = network(self._to_memory_format(images))
        if not self.training_config.flip_test:
            return logits
        mirrored: torch.Tensor = network(self._to_memory_format(images.flip(-1)))
        return (logits.float() + mirrored.float()) / 2  # in float32, whatever the precision

    def _to_memory_format(self, images: torch.Tensor) -> torch.Tensor:
        last = self.training_config.channels_last
        layout = torch.channels_last if last else torch.contiguous_format
        return images.contiguous(memory_format=layout)  # loaders hand out either

    def _log_scores(self, split: str) -> None:
        for group in (self.scores, self.ema_scores):
            if split not in group:
                continue
            for name, score in _collection(group, split).items(keep_base=False):
                self.log(name, score, prog_bar=name.endswith(f"/{TOP1}"))


def _collection(group: nn.ModuleDict, split: str) -> MetricCollection:
    scores = group[split]
    assert isinstance(scores, MetricCollection)
    return scores
