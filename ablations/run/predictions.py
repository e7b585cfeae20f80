"""predictions.json: what a run predicted for each test image, as little as comparisons need."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad


class TestPredictions(pl.Callback):
    """Keeps the predicted classes of the test images, in the order of the test split.

    The order is that of the split on any number of devices: device r of n gets images r, r + n,
    r + 2n, ... `classes` and `right` are of shape `(images,)`, on every device.
    """

    def __init__(self) -> None:
        self._own: list[Tensor] = []
        self.classes = torch.zeros(0, dtype=torch.int64)
        self.right = torch.zeros(0, dtype=torch.bool)

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
        """Keep the classes with the largest logits `(N, K)`, and whether they are right."""
        del trainer, pl_module, batch_idx, dataloader_idx
        classes = outputs.argmax(1)
        self._own.append(2 * classes + (classes == batch[1]))

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put those of all devices in the order of the split."""
        del pl_module
        own = torch.cat(self._own)
        strategy = trainer.strategy
        longest = int(strategy.reduce(torch.tensor(len(own), device=own.device), reduce_op="max"))
        padded = pad(own, (0, longest - len(own)), value=-1)
        every = strategy.all_gather(padded).reshape(trainer.world_size, longest).T.flatten().cpu()
        every = every[every >= 0]
        self.classes, self.right = every // 2, every % 2 == 1

    def summary(self) -> Mapping[str, Any]:
        """What predictions.json holds.

        `images` and how many are `right`, `classes_sha256` of the predicted classes (little-endian
        32-bit integers), and `right_bits`: a bit an image, 1 for right, eight to a byte from the
        most significant on, in base64.
        """
        classes = self.classes.numpy().astype("<i4")
        return {
            "images": len(classes),
            "right": int(self.right.sum()),
            "classes_sha256": hashlib.sha256(classes.tobytes()).hexdigest(),
            "right_bits": b64encode(np.packbits(self.right.numpy()).tobytes()).decode("ascii"),
        }
