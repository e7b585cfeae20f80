"""The effective receptive field: of three convolutions by hand, and of every family."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lit_models.families.nano import NANOS
from lit_models.network.builder import build
from lit_models.network.stages import Head
from lit_models.probes.anatomy import anatomy
from lit_models.probes.pixels import Pixels
from lit_models.probes.receptive_field import contributions, logarithmic, squares
from lit_models.space.spec import ConvLayer, Stem
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
    network.spec = replace(network.spec, stem=Stem((ConvLayer(1),)))
    network.stages[0].blocks = nn.Sequential(*convs)
    network.head = Head(network.spec, 1, num_classes=3)
    return network


def test_three_convolutions_of_ones_see_7_by_7_with_this_profile() -> None:
    found, centre = contributions(pixels_of(of_ones()), torch.rand(2, 1, 12, 12))
    expected = np.zeros((12, 12))
    expected[3:10, 3:10] = np.outer(PROFILE, PROFILE)  # about (6, 6)
    np.testing.assert_allclose(found.numpy(), np.stack([expected, expected]))
    assert centre == 6
    about = squares(expected, centre)
    assert about.sides.tolist() == [1, 3, 5, 7, 9, 11, 12]
    np.testing.assert_allclose(about.shares, np.array([49, 361, 625, 729, 729, 729, 729]) / 729)
    assert [about.side(share) for share in (0.05, 0.2, 0.3, 0.5, 0.99)] == [1, 3, 3, 5, 7]


def test_a_middle_that_is_negative_has_no_contributions() -> None:
    """Both ReLUs: of the feature, and of the gradient."""
    found, centre = contributions(pixels_of(of_ones(sign=-1)), torch.rand(1, 1, 12, 12))
    assert not found.any()
    about = squares(found[0].double().numpy(), centre)
    assert np.isnan(about.shares).all()
    assert np.isnan(about.side(0.5))


def test_the_gradient_is_that_of_the_normalised_image_of_every_channel() -> None:
    network = build("nano_convnext_isotropic", num_classes=3, seed=0)
    network.stem = nn.Identity()
    layer = nn.Conv2d(3, 1, 1, bias=False)
    layer.weight.data = torch.tensor([1.0, 10.0, -5.0]).view(1, 3, 1, 1)
    network.stages[0].blocks = nn.Sequential(layer)
    network.head = Head(network.spec, 1, num_classes=3)
    pixels = Pixels(network, mean=(0, 0, 1), std=(0.1, 0.2, 0.3))
    found, _ = contributions(pixels, torch.full((1, 3, 4, 4), 0.5))
    assert found[0, 2, 2].item() == pytest.approx(11.0)  # and not -5
    assert found.sum().item() == pytest.approx(11.0)


def test_squares_about_a_corner_of_four_pixels() -> None:
    scores = np.zeros((6, 6))
    scores[3:5, 3:5] = 1.0
    scores[0, 5] = 4.0
    about = squares(scores, 3.5)
    assert about.sides.tolist() == [2, 4, 6, 6]  # the last reaches beyond the image
    assert about.shares.tolist() == [0.5, 0.5, 0.5, 1.0]
    assert about.side(0.4) == 2
    assert about.side(0.5) == 6  # more than that share


def test_the_largest_square_is_the_whole_image() -> None:
    for side in (6, 7):
        scores = np.zeros((side, side))
        scores[0, 0] = 1.0
        assert squares(scores, side // 2).side(0.2) == side


CONVOLUTIONS = [
    name
    for name, spec in NANOS.items()
    if not spec.stem.max_pool and ("spach" not in name or name == "nano_spach_conv")
]


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_centre_is_the_middle_of_all_pixels_that_are_seen(name: str) -> None:
    network = lively(name)
    found, centre = contributions(pixels_of(network), images(network, count=1, side=320))
    seen = found[0].nonzero()
    low, high = seen.min(0).values, seen.max(0).values
    assert low.min() > 0
    assert high.max() < 319  # the field does not end at the border
    assert ((low + high) / 2).tolist() == [centre, centre]


def test_centres_by_hand() -> None:
    resnet = anatomy(lively("nano_resnet"))  # layers with as many zeros before as behind
    assert resnet.centre(2) == 2 * 8
    convnext = anatomy(lively("nano_convnext"))  # patches of 2, then twice of 2
    assert convnext.centre(2) == 2 * 8 + 3.5
    assert anatomy(lively("timm/test_resnet")).centre(2) == 2 * 32
    convnext = anatomy(lively("timm/test_convnext"))  # patches of 4, then three times of 2
    assert convnext.centre(3) == 3 * 32 + 15.5
    vit = lively("timm/test_vit")
    assert anatomy(vit).centre(5) == 5 * 16 + 7.5
    patches = build("nano_convmixer", num_classes=3, seed=0)
    assert anatomy(patches).centre(4) == 4 * 4 + 1.5


def test_as_it_is_drawn() -> None:
    np.testing.assert_allclose(logarithmic(np.array([[0.0, 9.0, 99.0]])), [[0, 0.5, 1]])
    np.testing.assert_allclose(logarithmic(np.zeros((2, 2))), np.zeros((2, 2)))


@pytest.mark.parametrize("name", [*NANOS, "timm/test_convnext", "timm/test_resnet"])
def test_every_family(name: str) -> None:
    """Against a gradient that is taken of the last map as the network itself hands it out."""
    network = lively(name)
    given = images(network, count=2)
    found, _ = contributions(pixels_of(network), given)
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
    found = contributions(pixels_of(network), given)[0][0]
    patch, side = network.patch_embed.patch_size[0], given.shape[-1]
    with torch.no_grad():  # without attention a patch sees itself only
        for block in network.blocks:
            block.attn.proj.weight.zero_()
    alone = contributions(pixels_of(network), given)[0][0]
    first = side // patch // 2 * patch
    seen = alone.nonzero()
    assert seen.min() >= first
    assert seen.max() < first + patch
    assert (found > 0).sum() > (alone > 0).sum()


def test_an_image_has_the_same_field_in_any_batch() -> None:
    network = lively("nano_resnet")
    given = images(network, count=3)
    whole, _ = contributions(pixels_of(network), given)
    each = [contributions(pixels_of(network), image[None])[0] for image in given]
    assert torch.cat(each).equal(whole)


def test_no_hook_stays() -> None:
    network = lively("nano_convnext")
    contributions(pixels_of(network), images(network))
    assert not any(module._forward_hooks for module in network.modules())
