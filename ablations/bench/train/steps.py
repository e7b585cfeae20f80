"""Networks ready to be timed, and one step of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from ablations.bench.train.job import CLASSES, Job, Mode
from lit_models.families.reference import TimmModel, named_network
from lit_models.network.builder import build
from lit_models.network.merging import for_inference

Step = Callable[[], None]


def make_step(job: Job, mode: Mode) -> Step:
    """One batch through the job's network: `forward` without gradients, or a training step.

    `forward` is evaluation, re-parameterised convolutions merged. A training step is forward,
    cross-entropy, backward and SGD with momentum. Images are random and stay on the device.
    """
    torch.manual_seed(0)
    where, layout = torch.device(job.setting.device), _layout(job)
    network = _network(job).train(mode == "train")
    if mode == "forward":
        network = for_inference(network)
    network.to(where).to(memory_format=layout)
    side = job.image_size
    images = torch.randn(job.batch_size, 3, side, side, device=where)
    images = images.contiguous(memory_format=layout)
    forward = _autocast(job, torch.compile(network) if job.setting.compiled else network)
    if mode == "forward":
        return lambda: _evaluate(forward, images)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    classes = torch.randint(CLASSES, (job.batch_size,), device=where)
    return lambda: _train(forward, optimizer, images=images, classes=classes)


def _network(job: Job) -> nn.Module:
    network = named_network(job.network)
    if isinstance(network, TimmModel):
        network = replace(network, drop_path_rate=job.drop_path_rate)
    module: nn.Module = build(network, num_classes=CLASSES)
    return module


def _layout(job: Job) -> torch.memory_format:
    return torch.channels_last if job.setting.channels_last else torch.contiguous_format


def _autocast(job: Job, run: Callable[..., Any]) -> Callable[[torch.Tensor], torch.Tensor]:
    half = job.setting.precision == "bf16"

    def forward(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(job.setting.device, dtype=torch.bfloat16, enabled=half):
            out: torch.Tensor = run(images)
            return out

    return forward


@torch.no_grad()
def _evaluate(forward: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> None:
    forward(images)


def _train(
    forward: Callable[[torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    images: torch.Tensor,
    classes: torch.Tensor,
) -> None:
    loss = cross_entropy(forward(images).float(), classes)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad()
