"""Mixing and the loss: what goes into the network and what it is compared with."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from lit_models import TrainingConfig
from lit_models.training.batch_mixing import create_batch_mixing, create_criterion

PLAIN = TrainingConfig()
IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 3, 4, 0])


def test_without_mixing_nothing_changes() -> None:
    images, targets = create_batch_mixing(PLAIN, num_classes=5)(IMAGES, CLASSES)
    assert images is IMAGES
    assert targets is CLASSES


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
def test_mixup_mixes_with_the_flipped_batch_and_keeps_the_loaders_images(mode: str) -> None:
    values: dict[str, Any] = {"mixup_mode": mode}
    config = replace(PLAIN, mixup=0.8, label_smoothing=0.1, **values)
    before = IMAGES.clone()
    np.random.seed(3)
    images, targets = create_batch_mixing(config, num_classes=5)(IMAGES, CLASSES)
    assert torch.equal(IMAGES, before)
    torch.testing.assert_close(targets.sum(1), torch.ones(6))
    # the share of an image is in its own target: on - off value of the smoothed labels is 0.9
    first = functional.one_hot(CLASSES, 5) * 0.9 + 0.02
    share = ((targets - first.flip(0)) * (first - first.flip(0))).sum(1)
    norm = (first - first.flip(0)).square().sum(1)
    lam = torch.where(norm > 0, share / norm, torch.nan)
    mixed = lam.view(-1, 1, 1, 1) * IMAGES + (1 - lam.view(-1, 1, 1, 1)) * IMAGES.flip(0)
    known = ~lam.isnan()
    assert known.sum() == 4  # the outer pair has one class, which hides its share
    torch.testing.assert_close(images[known], mixed[known])
    assert ((lam[known] > 0) & (lam[known] < 1)).all()


def test_cutmix_takes_pixels_from_one_of_the_two() -> None:
    np.random.seed(2)
    images, _ = create_batch_mixing(replace(PLAIN, cutmix=1.0), num_classes=5)(IMAGES, CLASSES)
    assert ((images == IMAGES) | (images == IMAGES.flip(0))).all()
    assert not torch.equal(images, IMAGES)


def test_probability_zero_mixes_nothing() -> None:
    config = replace(PLAIN, mixup=0.8, cutmix=1.0, mixup_prob=0.0)
    images, targets = create_batch_mixing(config, num_classes=5)(IMAGES, CLASSES)
    assert torch.equal(images, IMAGES)
    assert torch.equal(targets, functional.one_hot(CLASSES, 5).float())


def test_odd_batches_are_refused() -> None:
    with pytest.raises(ValueError, match=r"has 5.*recipe.batch_size_per_device"):
        create_batch_mixing(replace(PLAIN, mixup=0.8), num_classes=5)(IMAGES[:5], CLASSES[:5])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_the_same_for_classes_and_for_their_unmixed_targets(smoothing: float) -> None:
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    plain = replace(PLAIN, label_smoothing=smoothing)
    mixing = replace(plain, mixup=0.8, mixup_prob=0.0)
    _, soft = create_batch_mixing(mixing, num_classes=5)(IMAGES, CLASSES)
    loss = create_criterion(plain)(logits, CLASSES)
    torch.testing.assert_close(create_criterion(mixing)(logits, soft), loss)
    on, off = 1 - smoothing + smoothing / 5, smoothing / 5
    target = functional.one_hot(CLASSES, 5) * (on - off) + off
    torch.testing.assert_close(loss, -(target * logits.log_softmax(1)).sum(1).mean())
