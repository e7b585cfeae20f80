"""For one seed, every network sees the same images and draws, and starts from the same values."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.run.train import train_run
from ablations.studies.config import Hardware, Recipe
from lit_models import ArchSpec, LitClassifier, build
from tests.support.run_folders import (
    AUGMENTED,
    CONVNEXT,
    NANO,
    NO_BATCH_NORM,
    RECIPES,
    RESNET,
    beton_data,
    make_run,
    tiny,
)

MIXED = replace(
    RECIPES["mixup_cutmix"],
    epochs=2,
    augment=replace(RECIPES["plain"].augment, random_erasing=0.5),
)


class Watch:
    """What goes into the networks that are trained while it looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inputs: list[torch.Tensor] = []  # of training, after mixing
        self.targets: list[torch.Tensor] = []  # as the loss sees them
        self.draws: list[float] = []  # of the device's generator, right before the forward pass
        forward, step = LitClassifier.forward, LitClassifier.training_step

        def spied_forward(module: LitClassifier, images: torch.Tensor) -> torch.Tensor:
            if module.training:
                self.inputs.append(images.clone())
                with torch.random.fork_rng():
                    self.draws.append(torch.rand(1).item())
            return forward(module, images)

        def spied_step(module: LitClassifier, batch: Any, batch_idx: int) -> torch.Tensor:
            criterion = module.criterion

            def spied_criterion(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
                self.targets.append(targets.clone())
                return criterion(logits, targets)

            monkeypatch.setattr(module, "criterion", spied_criterion)
            loss = step(module, batch, batch_idx)
            monkeypatch.setattr(module, "criterion", criterion)
            return loss

        monkeypatch.setattr(LitClassifier, "forward", spied_forward)
        monkeypatch.setattr(LitClassifier, "training_step", spied_step)


def watch(folder: Path, spec: ArchSpec, recipe: Recipe, **values: Any) -> Watch:
    """Train one run and give back what it saw; `values` are `make_run`'s."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        seen = Watch(monkeypatch)
        train_run(make_run(folder, recipe, spec=spec, **values))
    return seen


def equal(left: Sequence[torch.Tensor], right: Sequence[torch.Tensor]) -> bool:
    return len(left) == len(right) and all(map(torch.equal, left, right))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    return watch(tmp_path_factory.mktemp("start") / "run", RESNET, MIXED)


@pytest.mark.parametrize("spec", [CONVNEXT, replace(RESNET, drop_path_rate=0.0, depths=(1, 2, 1))])
def test_another_network_sees_the_same_batches_after_mixing(
    spec: ArchSpec, start: Watch, tmp_path: Path
) -> None:
    # the other network draws another number of random numbers in each step
    other = watch(tmp_path / "run", spec, MIXED)
    assert len(start.inputs) == 6
    assert equal(other.inputs, start.inputs)
    assert equal(other.targets, start.targets)
    assert other.draws == start.draws


def test_networks_are_paired_when_ffcv_reads(tmp_path: Path) -> None:
    data = beton_data(tmp_path)
    hardware = Hardware(accelerator="cpu", threads=1, num_workers=2)
    first = watch(tmp_path / "first", RESNET, AUGMENTED, data=data)
    other = watch(tmp_path / "other", CONVNEXT, AUGMENTED, data=data, hardware=hardware)
    assert [images.shape[-1] for images in first.inputs] == [8, 8, 8, 12, 12, 12, 16, 16, 16]
    assert equal(other.inputs, first.inputs)
    assert equal(other.targets, first.targets)
    assert other.draws == first.draws
    assert not torch.equal(first.inputs[0], first.inputs[1])


def test_another_seed_sees_others(start: Watch, tmp_path: Path) -> None:
    other = watch(tmp_path / "run", RESNET, MIXED, seed=1)
    assert not any(map(torch.equal, other.inputs, start.inputs))
    assert not set(other.draws) & set(start.draws)


def test_epochs_differ(start: Watch) -> None:
    first, second = start.inputs[:3], start.inputs[3:]
    assert not any(map(torch.equal, first, second))
    assert len(set(start.draws)) == 6


def test_accumulation_sees_the_same_images_in_the_same_order(tmp_path: Path) -> None:
    recipe = replace(MIXED, mixup=0.0, cutmix=0.0)
    whole = watch(tmp_path / "whole", NO_BATCH_NORM, recipe)
    parts = watch(tmp_path / "parts", NO_BATCH_NORM, replace(recipe, batch_size_per_device=6))
    assert len(parts.inputs) == 2 * len(whole.inputs)
    for found, wanted in ((parts.inputs, whole.inputs), (parts.targets, whole.targets)):
        for first, second, both in zip(found[::2], found[1::2], wanted, strict=True):
            # the two micro batches of a step take turns
            assert torch.equal(torch.stack([first, second], dim=1).flatten(0, 1), both)


def test_initial_values_agree_wherever_name_and_shape_do() -> None:
    specs = [tiny(NANO.spec_after(name)) for name in ("start", *NANO.step_names)]
    models = [build(spec, num_classes=10, in_chans=1, seed=3) for spec in specs]
    compared = 0
    for left, right in pairwise(models):
        ours, others = left.state_dict(), right.state_dict()
        for name in ours.keys() & others.keys():
            if ours[name].shape == others[name].shape:
                compared += 1
                assert torch.equal(ours[name], others[name]), name
    assert compared > 100
    again = build(specs[0], num_classes=10, in_chans=1, seed=4).state_dict()
    assert not torch.equal(again["head.fc.weight"], models[0].state_dict()["head.fc.weight"])


def test_the_average_starts_from_the_network(start: Watch) -> None:
    del start
    values = {"epochs": 1, "ema_decay": 0.9}
    from lit_models import to_dict

    module = LitClassifier(to_dict(RESNET), values, num_classes=10, in_chans=1, seed=0)
    assert module.ema is not None
    averaged = module.ema.module.state_dict()
    for name, value in module.backbone.state_dict().items():
        assert torch.equal(value, averaged[name]), name
