"""FGSM and PGD, against what foolbox and torchattacks make of the same images."""

import pytest
import torch
from torch import Tensor, nn

from lit_models.probes.attacks.ball import Attacked, strongest
from lit_models.probes.attacks.sign import fgsm, pgd
from lit_models.probes.pixels import Pixels
from tests.support.robustness.attacks import (
    EPSILONS,
    MEAN,
    STD,
    STEPS,
    images,
    labels,
    network,
    start,
    stored,
)

IMAGES, LABELS, START = images(), labels(), start()
EXPECTED = {name: torch.from_numpy(array) for name, array in stored().items()}


@pytest.mark.parametrize("eps", EPSILONS)
def test_fgsm_is_that_of_two_libraries_to_the_last_bit(eps: float) -> None:
    assert fgsm(pixels(), IMAGES, LABELS, eps=eps).pixels.equal(EXPECTED[f"fgsm/{eps}"])


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("eps", EPSILONS)
def test_pgd_is_that_of_two_libraries_to_the_last_bit(eps: float, steps: int) -> None:
    assert attacked(pixels(), eps, steps).pixels.equal(EXPECTED[f"pgd/{eps}/{steps}"])


def test_batch_statistics_would_give_other_images() -> None:
    training = pixels()
    training.train()
    found = fgsm(training, IMAGES, LABELS, eps=EPSILONS[0]).pixels
    assert not found.equal(EXPECTED[f"fgsm/{EPSILONS[0]}"])


def test_without_a_change_allowed_the_images_stay_as_they_are() -> None:
    plain = Pixels(network().float(), mean=MEAN, std=STD)
    clean, begin = IMAGES.float(), START.float()
    assert fgsm(plain, clean, LABELS, eps=0).pixels.equal(clean)
    found = pgd(plain, clean, LABELS, eps=0, steps=3, step=0, start=begin)
    assert found.pixels.equal(clean)
    assert not found.distances(clean).any()


@pytest.mark.parametrize("eps", [*EPSILONS, 1.0])
def test_no_value_changes_by_more_than_eps_or_leaves_its_range(eps: float) -> None:
    plain = Pixels(network().float(), mean=MEAN, std=STD)
    clean, begin = IMAGES.float(), START.float()
    found = pgd(plain, clean, LABELS, eps=eps, steps=5, step=eps / 4, start=begin)
    assert found.distances(clean).amax() <= eps + 1e-6
    assert found.distances(clean).amin() > eps / 2
    assert found.pixels.amin() >= 0
    assert found.pixels.amax() <= 1


def test_an_attack_is_the_same_bits_in_batches_of_any_size() -> None:
    plain = Pixels(network().float(), mean=MEAN, std=STD)
    weights = torch.linspace(0.5, 1, 36)[:, None, None, None]
    clean, begin, classes = IMAGES.float().repeat(9, 1, 1, 1), START.float(), LABELS.repeat(9)
    whole = attacked_in(plain, clean * weights, classes, begin.repeat(9, 1, 1, 1), size=36)
    for size in (1, 7):
        found = attacked_in(plain, clean * weights, classes, begin.repeat(9, 1, 1, 1), size=size)
        assert found.equal(whole)


def test_an_image_is_masked_when_its_gradient_is_zero_nearly_everywhere() -> None:
    saturated = Pixels(network(), mean=MEAN, std=STD).double()
    head = saturated.network[-1]  # type: ignore[index]
    head.weight.zero_()
    assert fgsm(saturated, IMAGES, LABELS, eps=0.1).masked.all()
    assert not fgsm(pixels(), IMAGES, LABELS, eps=0.1).masked.any()


def test_an_image_stands_only_when_it_stands_all_restarts() -> None:
    above_half = Pixels(Brightness(), mean=(0.0,), std=(1.0,))
    zeros = torch.zeros(3, dtype=torch.bool)
    dark, light = torch.full((3, 1, 2, 2), 0.2), torch.full((3, 1, 2, 2), 0.9)
    first, second = dark.clone(), dark.clone()
    first[0], second[1] = light[0], light[1]
    attacks = [Attacked(first, zeros), Attacked(second, ~zeros)]
    best = strongest(above_half, attacks, torch.zeros(3, dtype=torch.int64))
    assert best.pixels.equal(torch.stack([light[0], light[1], dark[2]]))
    assert best.masked.tolist() == [False, True, False]


class Brightness(nn.Module):
    """Class 1 for images whose mean is above a half."""

    def forward(self, images: Tensor) -> Tensor:
        mean = images.flatten(1).mean(1)
        return torch.stack([0.5 - mean, mean - 0.5], 1)


def pixels() -> Pixels:
    return Pixels(network(), mean=MEAN, std=STD).double()


def attacked(network: Pixels, eps: float, steps: int) -> Attacked:
    return pgd(network, IMAGES, LABELS, eps=eps, steps=steps, step=eps / 4, start=START)


def attacked_in(plain: Pixels, clean: Tensor, classes: Tensor, begin: Tensor, size: int) -> Tensor:
    parts = (torch.split(tensor, size) for tensor in (clean, classes, begin))
    return torch.cat(
        [
            pgd(plain, x, y, eps=0.03, steps=3, step=0.01, start=z).pixels
            for x, y, z in zip(*parts, strict=True)
        ]
    )
