"""What a run writes while it trains: checkpoint, metrics.csv, TensorBoard events, status."""

import csv
import io
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint

from ablations.events import EpochEvents
from ablations.interruption import Interruption
from ablations.status import Row, StatusFile
from ablations.store import METRICS, RunFolder, write_text_atomic
from lit_models.classifier import LitClassifier
from lit_models.metrics import EPOCH, IMAGES_SEEN, LR, SECONDS, TRAIN_LOSS, VAL_SECONDS

CHECKPOINT = "checkpoints/last.ckpt"
EVENTS = "tensorboard"


class RunRecorder(Checkpoint):
    """Writes the run folder after every epoch; its history is part of the checkpoint.

    The checkpoint comes first: what the other files say is never more than what can be resumed.
    They are rewritten from the history, so a resumed run leaves the same files as one that never
    stopped.
    (As a `Checkpoint` callback Lightning calls it after the module has logged.)

    Raises FloatingPointError after an epoch whose training loss is not a number.
    """

    def __init__(self, run: RunFolder, status: StatusFile, interruption: Interruption) -> None:
        self.run, self.status, self.interruption = run, status, interruption
        self.rows: list[dict[str, float]] = []
        self.times: list[float] = []  # when each epoch was over, seconds since 1970
        self._events: EpochEvents | None = None
        self._images = 0
        self._start = self._trained = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The history, in plain containers."""
        return {"rows": self.rows, "times": self.times}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's history."""
        self.rows, self.times = state_dict["rows"], state_dict["times"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Bring the files to the state of the checkpoint, also when no epoch is left to train."""
        del pl_module
        self._images = int(self.rows[-1][IMAGES_SEEN]) if self.rows else 0
        if trainer.is_global_zero:
            self._events = EpochEvents(self.run.path / EVENTS, self.rows, self.times)
            self._write_files()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning."""
        del trainer, pl_module
        self.interruption.install()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning."""
        del trainer, pl_module
        self.interruption.install()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        del trainer, pl_module
        self._start = time.perf_counter()

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Stop here when a signal got lost."""
        del args, kwargs
        self.interruption.check()

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Stop here when a signal got lost."""
        del args, kwargs
        self.interruption.check()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count images; stop the clock after the last batch, before validation."""
        del outputs, batch_idx
        self._images += len(batch[0]) * trainer.world_size
        if trainer.is_last_batch:
            if pl_module.device.type == "cuda":
                torch.cuda.synchronize(pl_module.device)
            self._trained = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record the epoch: checkpoint, then metrics, events and status."""
        assert isinstance(pl_module, LitClassifier)
        # on every rank: reading a metric gathers it
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append(self._row(measured, pl_module.last_lr))
        self.times.append(time.time())
        _require_finite(self.rows[-1])
        trainer.save_checkpoint(self.run.path / CHECKPOINT)
        if self._events is not None:
            self._events.add(self.rows[-1], self.times[-1])
            self._write_files()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the event file."""
        del exception
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the event file."""
        del trainer, pl_module, stage
        if self._events is not None:
            self._events.close()
            self._events = None

    def _row(self, measured: Mapping[str, float], lr: float) -> dict[str, float]:
        end = time.perf_counter()
        return {
            EPOCH: len(self.rows) + 1,
            IMAGES_SEEN: self._images,
            LR: lr,
            SECONDS: round(self._trained - self._start, 4),
            VAL_SECONDS: round(end - self._trained, 4),
            **dict(sorted(measured.items())),
        }

    def _write_files(self) -> None:
        if self.rows:
            write_text_atomic(self.run.path / METRICS, as_csv(self.rows))
        self.status.rows = self.rows
        self.status.write("running")


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV with a header; numbers are written so that reading gives the same ones."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _require_finite(row: Row) -> None:
    if not math.isfinite(row[TRAIN_LOSS]):
        raise FloatingPointError(
            f"training diverged: {TRAIN_LOSS} is {row[TRAIN_LOSS]} in epoch {int(row[EPOCH])}; "
            "lower recipe.lr, lengthen recipe.warmup_epochs or set recipe.gradient_clip"
        )
