"""Running statistics move once an optimizer step, from all of its micro batches."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from lit_models import build
from lit_models.network.backbone import Backbone
from lit_models.network.step_statistics import StepStatistics

START, LEFT = 0.5, (2.0, 4.0)  # running mean at first; means of two micro batches


def norm(*, momentum: float | None = 0.1) -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(1, momentum=momentum)
    made.running_mean = torch.tensor([START])
    return made


def batch(mean: float) -> torch.Tensor:
    """Four values of this mean and unbiased variance 4/3."""
    return (torch.tensor([-1.0, -1.0, 1.0, 1.0]) + mean).view(4, 1, 1, 1)


def step(network: nn.Module, *batches: torch.Tensor) -> None:
    statistics = StepStatistics(network)
    for images in batches:
        statistics.begin()
        out = network(images)
        statistics.keep()
        out.square().sum().backward()
    statistics.settle()


def test_a_step_moves_once_to_the_mean_of_its_micro_batches() -> None:
    made = norm()
    step(made, *map(batch, LEFT))
    assert made.running_mean is not None
    assert made.running_mean.item() == pytest.approx(0.9 * START + 0.1 * 3.0)
    assert made.running_var is not None
    assert made.running_var.item() == pytest.approx(0.9 + 0.1 * 4 / 3)
    assert made.num_batches_tracked is not None
    assert made.num_batches_tracked.item() == 1
    step(made, batch(1.0))
    assert made.num_batches_tracked.item() == 2


def test_a_step_of_one_micro_batch_is_what_pytorch_does() -> None:
    ours = build("nano_resnet", num_classes=3, seed=0).train()
    theirs, images = deepcopy(ours), torch.rand(4, 3, 32, 32)
    step(ours, images)
    theirs(images)
    for name, buffer in theirs.named_buffers():
        assert torch.equal(dict(ours.named_buffers())[name], buffer)


def test_cumulative_statistics_count_steps() -> None:
    made = norm(momentum=None)
    step(made, *map(batch, LEFT))
    step(made, batch(6.0), batch(6.0))
    assert made.running_mean is not None
    assert made.running_mean.item() == pytest.approx((3 + 6) / 2)


def test_a_step_without_a_forward_pass_changes_nothing() -> None:
    made = norm()
    StepStatistics(made).settle()
    assert made.running_mean is not None
    assert made.running_mean.item() == START


@pytest.mark.parametrize("name", ["nano_resnet", "nano_replknet", "nano_convmixer"])
def test_gradient_checkpointing_moves_them_once(name: str) -> None:
    plain = build(name, num_classes=3, seed=0).train()
    saving, images = deepcopy(plain), torch.rand(4, 3, 32, 32)
    assert isinstance(saving, Backbone)
    saving.set_grad_checkpointing()
    for network in (plain, saving):
        for _ in range(3):
            network(images).square().sum().backward()
    for (key, one), (_, other) in zip(plain.named_buffers(), saving.named_buffers(), strict=True):
        assert torch.equal(one, other), key
    for (key, one), (_, other) in zip(
        plain.named_parameters(), saving.named_parameters(), strict=True
    ):
        assert torch.equal(one.grad, other.grad), key  # type: ignore[arg-type]
