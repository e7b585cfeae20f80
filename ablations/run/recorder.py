"""What a run writes while it trains: checkpoint, metrics.csv, TensorBoard events, status."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint

from ablations.files.plain_text import as_csv
from ablations.run.events import EpochEvents
from ablations.run.interruption import Interruption
from ablations.run.status import StatusFile
from ablations.store.heartbeat import Heartbeat
from ablations.store.runs import METRICS, RunFolder, write_text_atomic
from lit_models.training.classifier import LitClassifier
from lit_models.training.metrics import EPOCH, IMAGES_SEEN, LR, SECONDS, VAL_SECONDS
from lit_models.weights.finite import first_not_finite, state_of

CHECKPOINT = "checkpoints/last.ckpt"
EVENTS = "tensorboard"
_ADVICE = "lower recipe.lr, lengthen recipe.warmup_epochs or set recipe.gradient_clip"


class RunRecorder(Checkpoint):
    """Writes the run folder after every epoch; its history is part of the checkpoint.

    The checkpoint comes first: what the other files say is never more than what can be resumed.
    They are rewritten from the history, so a resumed run leaves the same files as one that never
    stopped.
    (As a `Checkpoint` callback Lightning calls it after the module has logged.)

    Raises FloatingPointError after an epoch with a metric, weight, buffer or average that is no
    number; the checkpoint is then that of the epoch before.
    """

    def __init__(self, run: RunFolder, status: StatusFile, interruption: Interruption) -> None:
        self.run, self.status, self.interruption = run, status, interruption
        self.heartbeat = Heartbeat(run.path)
        self.rows: list[dict[str, float]] = []
        self.times: list[float] = []  # when each epoch was over, seconds since 1970
        self.damaged: Mapping[Path, str] = {}  # checkpoints that could not be gone on from
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
            self._tell_damage()
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
        """Stop here when a signal got lost, and give a sign of life."""
        del args, kwargs
        self.interruption.check()
        self.heartbeat.beat()

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Stop here when a signal got lost, and give a sign of life."""
        del args, kwargs
        self.interruption.check()
        self.heartbeat.beat()

    def on_test_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Give a sign of life."""
        del args, kwargs
        self.heartbeat.beat()

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
        row = self._row(measured, pl_module.last_lr)
        require_finite(row, when=f"in epoch {len(self.rows) + 1}")
        if trainer.is_global_zero:  # where this one ends, the others are ended
            require_finite_weights(pl_module, when=f"after epoch {len(self.rows) + 1}")
        self.rows.append(row)
        self.times.append(time.time())
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

    def _tell_damage(self) -> None:
        if self.damaged:
            wrong = ", ".join(f"{path.name} ({why})" for path, why in self.damaged.items())
            start = f"goes on after epoch {len(self.rows)}"
            start = start if self.rows else "starts from the beginning"
            self.status.note = f"damaged: {wrong}; the run {start}"
            print(self.status.note, flush=True)

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


def require_finite(measured: Mapping[str, float], *, when: str) -> None:
    """Raise FloatingPointError, naming the first number that is NaN or infinite."""
    for name, value in measured.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"training diverged: {name} is {value} {when}; {_ADVICE}")


def require_finite_weights(module: pl.LightningModule, *, when: str) -> None:
    """Raise FloatingPointError, naming the first weight, buffer or average that is not finite."""
    found = first_not_finite(state_of(module))
    if found is not None:
        raise FloatingPointError(f"training diverged: {found} {when}; {_ADVICE}")
