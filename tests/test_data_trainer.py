"""What a Lightning Trainer gets from the data module, also when it resumes."""

import hashlib
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from datamodules.config import DataConfig
from datamodules.module import ImageDataModule
from datamodules.samplers import TrainBatches
from tests.test_data_loading import BATCHED, DIGITS, PER_IMAGE, build


class Spy(LightningModule):
    """Records the training batches that a Trainer hands over."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[str]] = {}
        self.evaluated = 0

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        pixels = hashlib.sha256(batch[0].numpy().tobytes()).hexdigest()
        self.seen.setdefault(self.current_epoch, []).append(pixels)
        return self.weight.sum()

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        self.evaluated += len(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(
    module: ImageDataModule, folder: Path, *, until: int, checkpoint: Path | None = None
) -> tuple[Spy, Trainer]:
    trainer = Trainer(
        max_epochs=until,
        accelerator="cpu",
        accumulate_grad_batches=module.accumulate(1),
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    spy = Spy()
    trainer.fit(spy, module, ckpt_path=str(checkpoint) if checkpoint else None)
    return spy, trainer


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning advises more workers
@pytest.mark.parametrize("workers", [0, 1])
def test_a_trainer_sees_each_epochs_batches_also_when_it_resumes(
    tmp_path: Path, workers: int
) -> None:
    case = (DataConfig(train_limit=50, val_fraction=0.0), PER_IMAGE)
    straight, _ = fit(build(case, workers=workers), tmp_path, until=4)
    _, stopped = fit(build(case, workers=workers), tmp_path, until=2)
    checkpoint = tmp_path / "last.ckpt"
    stopped.save_checkpoint(checkpoint)
    resumed, _ = fit(build(case, workers=workers), tmp_path, until=4, checkpoint=checkpoint)

    loader = build(case).train_dataloader()
    assert isinstance(loader.sampler, TrainBatches)
    for epoch in range(4):
        loader.sampler.set_epoch(epoch)
        expected = [hashlib.sha256(images.numpy().tobytes()).hexdigest() for images, _ in loader]
        assert straight.seen[epoch] == expected
    assert resumed.seen == {epoch: straight.seen[epoch] for epoch in (2, 3)}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning advises more workers
def test_a_trainer_validates_on_all_of_val_or_not_at_all(tmp_path: Path) -> None:
    with_val = build((DIGITS, BATCHED))
    assert fit(with_val, tmp_path, until=1)[0].evaluated == 180 + 16  # with the sanity check
    without = build((DataConfig(val_fraction=0.0, train_limit=200), BATCHED))
    assert without.val_dataloader() == []
    assert fit(without, tmp_path, until=1)[0].evaluated == 0
