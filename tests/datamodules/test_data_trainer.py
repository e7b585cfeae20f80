"""What a Lightning Trainer gets from the data module, also when it resumes."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from datamodules.config.data import DataConfig
from datamodules.module import ImageDataModule
from tests.support.images.loaders import (
    BATCHED,
    DIGITS,
    RESIZED,
    Case,
    build,
    choose,
    make_case,
    threads,
    val_of,
    write_both,
)


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
    module: ImageDataModule,
    folder: Path,
    *,
    until: int,
    checkpoint: Path | None = None,
    batches: int | None = None,
) -> tuple[Spy, Trainer]:
    trainer = Trainer(
        max_epochs=until,
        accelerator="cpu",
        accumulate_grad_batches=module.accumulate(1),
        use_distributed_sampler=False,
        limit_train_batches=batches,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    spy = Spy()
    trainer.fit(spy, module, ckpt_path=str(checkpoint) if checkpoint else None)
    return spy, trainer


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_both(tmp_path_factory.mktemp("data"), images=12)


@pytest.fixture(params=["memory", "torch on arrays", "ffcv", "ffcv, repeated"])
def case(request: pytest.FixtureRequest, tree: Path) -> Case:
    if "ffcv" in request.param:
        config, augmentation = make_case("ffcv", tree)
        return config, replace(augmentation, repeats=3 if "repeated" in request.param else 1)
    few = DataConfig(train_limit=50, val_fraction=0.0)
    return few, BATCHED if request.param == "memory" else RESIZED


def digests(case: Case, epoch: int) -> list[str]:
    """Of the batches of an epoch, without a Trainer."""
    loader = build(case).train_dataloader()
    choose(loader, epoch)
    return [hashlib.sha256(images.numpy().tobytes()).hexdigest() for images, _ in loader]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning advises more workers
@pytest.mark.parametrize("workers", [0, 1])
def test_a_trainer_sees_each_epochs_batches_also_when_it_resumes(
    case: Case, tmp_path: Path, workers: int
) -> None:
    straight, _ = fit(build(case, workers=workers), tmp_path, until=4)
    _, stopped = fit(build(case, workers=workers), tmp_path, until=2)
    checkpoint = tmp_path / "last.ckpt"
    stopped.save_checkpoint(checkpoint)
    resumed, _ = fit(build(case, workers=workers), tmp_path, until=4, checkpoint=checkpoint)

    assert straight.seen == {epoch: digests(case, epoch) for epoch in range(4)}
    assert resumed.seen == {epoch: straight.seen[epoch] for epoch in (2, 3)}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning advises more workers
def test_a_trainer_validates_on_all_of_val_or_not_at_all(tmp_path: Path) -> None:
    with_val = build((DIGITS, BATCHED))
    assert fit(with_val, tmp_path, until=1)[0].evaluated == 180 + 16  # with the sanity check
    without = build((DataConfig(val_fraction=0.0, train_limit=200), BATCHED))
    assert without.val_dataloader() == []
    assert fit(without, tmp_path, until=1)[0].evaluated == 0


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning advises more workers
def test_epochs_that_are_cut_short_leave_the_next_ones_as_they_are(
    tree: Path, tmp_path: Path
) -> None:
    """Two sanity batches, two training batches an epoch, val in between: FFCV's threads all end."""
    case = make_case("ffcv", tree)
    val = sum(len(labels) for _, labels in val_of(build(case)))
    before = threads()
    spy, _ = fit(build(case), tmp_path, until=3, batches=2)
    assert spy.seen == {epoch: digests(case, epoch)[:2] for epoch in range(3)}
    assert spy.evaluated == 3 * val + min(val, 16)
    assert threads() <= before
