"""The parts of one run, put together, and the order in which they work."""

import logging
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from torch.nn.parallel import DistributedDataParallel

from ablations.run.checkpoint import RunCheckpointIO, find_checkpoint
from ablations.run.devices import Devices
from ablations.run.predictions import TestPredictions
from ablations.run.recorder import CHECKPOINT, RunRecorder
from ablations.run.run_config import RunConfig
from ablations.store.runs import RunFolder
from datamodules import Data, ImageDataModule, build_data_module
from lit_models.families.serialise import to_dict
from lit_models.training.classifier import LitClassifier

# Expected here, so no news in a log: in-memory data needs no workers, the EMA copy never trains.
_EXPECTED = (
    r"(?s).*does not have many workers",
    r"(?s).*module\(s\) in eval mode at the start of training",
    r"(?s).*is deprecated, use `isinstance\(treespec",
)
# Lightning's launcher leaves these behind, and the next run of this process would trust them.
_LAUNCHER_VARIABLES = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Session:
    """A run in this process: its network, data, and trainer."""

    run: RunFolder
    config: RunConfig
    devices: Devices
    module: LitClassifier
    data: ImageDataModule
    recorder: RunRecorder
    predictions: TestPredictions
    trainer: pl.Trainer

    def fit(self) -> None:
        """Train the epochs that are left since the newest sound checkpoint.

        Raises ValueError for a new run whose recipe names weights that do not fit.
        """
        found = find_checkpoint(self.run.path / CHECKPOINT)
        self.recorder.damaged = found.damaged
        if self.devices.rank == 0:
            found.set_aside()
        if found.path is None and (said := self.module.start()):
            print(said, flush=True)  # to the run's log
        if self.devices.kind == "cuda":
            torch.cuda.reset_peak_memory_stats()
        with _followers_end(self.trainer):
            self.trainer.fit(self.module, datamodule=self.data, ckpt_path=found.path)

    def test(self) -> dict[str, float]:
        """Metrics of the test split, raw and EMA, with the weights as they are."""
        with _followers_end(self.trainer):
            (measured,) = self.trainer.test(self.module, datamodule=self.data, verbose=False)
        return {name: float(value) for name, value in measured.items()}


def assemble(
    run: RunFolder, config: RunConfig, devices: Devices, recorder: RunRecorder, *, data: Data
) -> Session:
    """Everything that a run needs. Raises ValueError when the data cannot be used."""
    recipe, hardware = config.recipe, config.hardware
    if hardware.threads is not None:
        torch.set_num_threads(hardware.threads)
    images = build_data_module(
        data,
        recipe.augment,
        batch_size_per_step=recipe.batch_size,
        batch_size_per_device=recipe.batch_size_per_device,
        seed=config.seed,
        num_workers=hardware.num_workers,
    )
    set_float32_precision(tf32=recipe.tf32)
    module = LitClassifier(
        to_dict(config.spec),
        config.training,
        num_classes=images.num_classes,
        in_chans=images.in_chans,
        seed=config.seed,
    )
    predictions = TestPredictions()
    trainer = pl.Trainer(
        accelerator=devices.kind,
        devices=devices.count,
        strategy=_strategy(devices),
        # named, since inside a Slurm job Lightning would take every process for a task of it
        plugins=[LightningEnvironment(), RunCheckpointIO(dict(module.hparams))],
        **module.trainer_options,
        accumulate_grad_batches=images.accumulate(devices.count),
        callbacks=[recorder, predictions],
        default_root_dir=run.path,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    return Session(run, config, devices, module, images, recorder, predictions, trainer)


def _strategy(devices: Devices) -> DDPStrategy | str:
    """One process a device; running statistics are equal on all of them as they are."""
    if devices.count == 1:
        return "auto"
    known = signature(DistributedDataParallel).parameters
    sync = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    # gradients as views of the buckets: no copy of each depthwise gradient a step
    options: dict[str, Any] = {"gradient_as_bucket_view": True, sync: False}
    return DDPStrategy(**options)


def set_float32_precision(*, tf32: bool) -> None:
    """How float32 is multiplied on a GPU from here on: convolutions and matrix products alike.

    PyTorch's own default is TF32 in convolutions and float32 in matrix products, so that a 1x1
    convolution would be one or the other by how it is computed.
    """
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its notes and the warnings that are expected here."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in _EXPECTED:
            warnings.filterwarnings("ignore", message=message)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def own_environment() -> Iterator[None]:
    """The launcher's environment variables as they were, after the block."""
    before = {name: os.environ.get(name) for name in _LAUNCHER_VARIABLES}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _followers_end(trainer: pl.Trainer) -> Iterator[None]:
    """End the other ranks when this one stops: they would wait for it in a collective."""
    try:
        yield
    except BaseException:
        launcher = trainer.strategy.launcher
        if isinstance(launcher, _SubprocessScriptLauncher):
            launcher.kill(signal.SIGKILL)
        raise
