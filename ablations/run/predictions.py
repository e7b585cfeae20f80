"""What a run predicted for each test image: predictions.json and predictions.npz.

Both are of the raw weights, also where the recipe averages them.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ablations.store.image_predictions import ImagePredictions, classes_sha256


class TestPredictions(pl.Callback):
    """Keeps what was predicted for the test images, in the order of the test split.

    The order is that of the split on any number of devices: device r of n gets images r, r + n,
    r + 2n, ... `classes`, `labels`, `right` and `confidence` (the softmax probability of the
    predicted class) are of shape `(images,)`, on every device.
    """

    def __init__(self) -> None:
        self._own: list[tuple[Tensor, Tensor]] = []  # (N, 2) class and label, (N,) confidence
        self.classes = self.labels = torch.zeros(0, dtype=torch.int64)
        self.right = torch.zeros(0, dtype=torch.bool)
        self.confidence = torch.zeros(0)

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget an earlier test."""
        del trainer, pl_module
        self._own = []

    def on_test_batch_end(  # noqa: PLR0917 Lightning's signature
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep class and confidence of the largest logits `(N, K)`, and the labels."""
        del trainer, pl_module, batch_idx, dataloader_idx
        classes = outputs.argmax(1)
        probabilities = outputs.float().softmax(1)
        confidence = probabilities.gather(1, classes[:, None])[:, 0]
        self._own.append((torch.stack([classes, batch[1]], 1), confidence))

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put those of all devices in the order of the split."""
        del pl_module
        classes, confidence = (torch.cat(parts) for parts in zip(*self._own, strict=True))
        every = _of_all_devices(trainer, classes)
        there = every[:, 0] >= 0  # not what fills up the devices that have an image less
        self.classes, self.labels = every[there].T
        self.confidence = _of_all_devices(trainer, confidence[:, None])[there, 0]
        self.right = self.classes == self.labels

    def summary(self) -> Mapping[str, Any]:
        """What predictions.json holds.

        `images` and how many are `right`, `classes_sha256` of the predicted classes (little-endian
        32-bit integers), and `right_bits`: a bit an image, 1 for right, eight to a byte from the
        most significant on, in base64.
        """
        return {
            "images": len(self.classes),
            "right": int(self.right.sum()),
            "classes_sha256": classes_sha256(self.classes.numpy()),
            "right_bits": b64encode(np.packbits(self.right.numpy()).tobytes()).decode("ascii"),
        }

    def images(self, class_names: Sequence[str]) -> ImagePredictions:
        """What predictions.npz holds."""
        return ImagePredictions(
            classes=self.classes.numpy().astype(np.uint32),
            labels=self.labels.numpy().astype(np.uint32),
            confidence=self.confidence.numpy().astype(np.float16),
            class_names=tuple(class_names),
        )


def _of_all_devices(trainer: pl.Trainer, own: Tensor) -> Tensor:
    """The rows `(N, C)` of every device in turn, on the CPU; -1 in rows that a device lacks."""
    strategy = trainer.strategy
    longest = int(strategy.reduce(torch.tensor(len(own), device=own.device), reduce_op="max"))
    padded = pad(own, (0, 0, 0, longest - len(own)), value=-1)
    every: Tensor = strategy.all_gather(padded)
    stacked = every.reshape(trainer.world_size, longest, own.shape[1])
    return stacked.transpose(0, 1).flatten(0, 1).cpu()
