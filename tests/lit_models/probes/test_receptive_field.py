"""The effective receptive field: of three convolutions by hand, and of every family."""

import numpy as np
import pytest
import torch
from torch import nn

from lit_models.families.nano import NANOS
from lit_models.network.builder import build
from lit_models.network.stages import Head
from lit_models.probes.pixels import Pixels
from lit_models.probes.receptive_field import (
    contributions,
    logarithmic,
    shares_in_squares,
    square_side,
)
from tests.lit_models.probes.made import images, lively, pixels_of

PROFILE = np.array([1, 3, 6, 7, 6, 3, 1])  # (1 + x + x^2)^3


def of_ones(*, sign: int = 1) -> nn.Module:
    """Three 3x3 convolutions of ones on one channel."""
    network = build("nano_convnext_isotropic", num_classes=3, in_chans=1, seed=0)
    convs = [nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(3)]
    for conv in convs:
        nn.init.constant_(conv.weight, 1.0)
    nn.init.constant_(convs[0].weight, float(sign))
    network.stem = nn.Identity()
    network.stages[0].blocks = nn.Sequential(*convs)
    network.head = Head(network.spec, 1, num_classes=3)
    return network


def test_three_convolutions_of_ones_see_7_by_7_with_this_profile() -> None:
    found = contributions(pixels_of(of_ones()), torch.rand(2, 1, 12, 12))
    expected = np.zeros((12, 12))
    expected[3:10, 3:10] = np.outer(PROFILE, PROFILE)  # about (6, 6)
    np.testing.assert_allclose(found.numpy(), [expected, expected])
    shares = shares_in_squares(expected)
    np.testing.assert_allclose(shares, np.array([49, 361, 625, 729, 729, 729, 729]) / 729)
    sides = [square_side(shares, threshold=t, side=12) for t in (0.05, 0.2, 0.3, 0.5, 0.99)]
    assert sides == [1, 3, 3, 5, 7]


def test_a_middle_that_is_negative_has_no_contributions() -> None:
    """Both ReLUs: of the feature, and of the gradient."""
    found = contributions(pixels_of(of_ones(sign=-1)), torch.rand(1, 1, 12, 12))
    assert not found.any()
    shares = shares_in_squares(found[0].double().numpy())
    assert np.isnan(shares).all()
    assert square_side(shares, threshold=0.5, side=12) is None


def test_the_gradient_is_that_of_the_normalised_image_of_every_channel() -> None:
    network = build("nano_convnext_isotropic", num_classes=3, seed=0)
    network.stem = nn.Identity()
    network.stages[0].blocks = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False))
    network.stages[0].blocks[0].weight.data = torch.tensor([1.0, 10.0, -5.0]).view(1, 3, 1, 1)
    network.head = Head(network.spec, 1, num_classes=3)
    pixels = Pixels(network, mean=(0, 0, 1), std=(0.1, 0.2, 0.3))
    found = contributions(pixels, torch.full((1, 3, 4, 4), 0.5))
    assert found[0, 2, 2].item() == pytest.approx(11.0)  # and not -5
    assert found.sum().item() == pytest.approx(11.0)


def test_the_largest_square_is_the_whole_image() -> None:
    scores = np.zeros((6, 6))
    scores[0, 0] = 1.0  # only the square of 6 px about (3, 3) has it
    assert square_side(shares_in_squares(scores), threshold=0.2, side=6) == 6
    scores = np.zeros((7, 7))
    scores[0, 0] = 1.0
    assert square_side(shares_in_squares(scores), threshold=0.2, side=7) == 7


def test_as_it_is_drawn() -> None:
    np.testing.assert_allclose(logarithmic(np.array([[0.0, 9.0, 99.0]])), [[0, 0.5, 1]])
    np.testing.assert_allclose(logarithmic(np.zeros((2, 2))), np.zeros((2, 2)))


@pytest.mark.parametrize("name", [*NANOS, "timm/test_convnext", "timm/test_resnet"])
def test_every_family(name: str) -> None:
    """Against a gradient that is taken of the last map as the network itself hands it out."""
    network = lively(name)
    given = images(network, count=2)
    found = contributions(pixels_of(network), given)
    images_of = given.clone().requires_grad_()
    (last,) = network.forward_intermediates(images_of, indices=1, intermediates_only=True)
    height, width = last.shape[2:]
    last[:, :, height // 2, width // 2].relu().sum().backward()
    assert images_of.grad is not None
    expected = images_of.grad.relu().sum(1)
    torch.testing.assert_close(found, expected)
    assert found.any()


def test_a_transformer_looks_from_its_middle_patch() -> None:
    network = lively("timm/test_vit")
    given = images(network, count=1)
    found = contributions(pixels_of(network), given)[0]
    patch, side = network.patch_embed.patch_size[0], given.shape[-1]
    with torch.no_grad():  # without attention a patch sees itself only
        for block in network.blocks:
            block.attn.proj.weight.zero_()
    alone = contributions(pixels_of(network), given)[0]
    first = side // patch // 2 * patch
    seen = alone.nonzero()
    assert seen.min() >= first
    assert seen.max() < first + patch
    assert (found > 0).sum() > (alone > 0).sum()


def test_an_image_has_the_same_field_in_any_batch() -> None:
    network = lively("nano_resnet")
    given = images(network, count=3)
    whole = contributions(pixels_of(network), given)
    assert torch.cat([contributions(pixels_of(network), each[None]) for each in given]).equal(whole)


def test_no_hook_stays() -> None:
    network = lively("nano_convnext")
    contributions(pixels_of(network), images(network))
    assert not any(module._forward_hooks for module in network.modules())
