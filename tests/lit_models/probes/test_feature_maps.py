"""Variances of hand-made maps, and of every family's."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from lit_models.families.nano import NANOS
from lit_models.network.builder import build
from lit_models.probes.anatomy import anatomy
from lit_models.probes.feature_maps import map_variances
from tests.lit_models.probes.made import images, lively, pixels_of


class Tripled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 3 * x


def of_maps() -> nn.Module:
    """A network whose first maps are the image, then three times it, then one position."""
    network = build("nano_convnext_isotropic", num_classes=3, seed=0)
    network.stem = nn.Identity()
    network.stages[0].blocks = nn.Sequential(Tripled(), nn.AdaptiveAvgPool2d(1))
    network.head.fc = nn.Linear(2, 3)
    network.head.norm = nn.Identity()
    return network


def test_hand_made_maps() -> None:
    first = [[[0.0, 2.0], [4.0, 6.0]], [[1.0, 1.0], [1.0, 5.0]]]  # variances 20 / 3 and 4
    variance, square = map_variances(pixels_of(of_maps()), torch.tensor([first, first]))
    expected = (20 / 3 + 4) / 2
    assert variance[0, 0].item() == pytest.approx(expected)
    assert variance[0, 1].item() == pytest.approx(9 * expected)
    assert variance[0, 2].isnan()  # one position
    assert square[0, 0].item() == pytest.approx((0 + 4 + 16 + 36 + 1 + 1 + 1 + 25) / 8)
    assert square[0, 1].item() == pytest.approx(9 * square[0, 0].item())
    assert square[0, 2].item() == pytest.approx((9 * 3**2 + 9 * 2**2) / 2)
    assert variance[1, :2].equal(variance[0, :2])


def test_it_is_of_each_image_and_not_of_their_mean() -> None:
    """Two images that are each other's negative have a mean without any variance."""
    image = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]).expand(2, 2, 2)
    variance, _ = map_variances(pixels_of(of_maps()), torch.stack([image, 1 - image]))
    assert variance[:, 0].tolist() == pytest.approx([1 / 3, 1 / 3])


@pytest.mark.parametrize("name", [*NANOS, "timm/test_convnext", "timm/test_resnet"])
def test_every_family(name: str) -> None:
    """Against maps that another way through the network gives: those at the ends of stages."""
    network = lively(name)
    parts = anatomy(network)
    given = images(network, count=3, side=64 if name.startswith("timm/") else 32)
    variance, square = map_variances(pixels_of(network), given)
    assert variance.shape == square.shape == (3, 1 + len(parts.blocks))
    with torch.inference_mode():
        maps = network.forward_intermediates(given, intermediates_only=True)
    depths = Counter(part.stage for part in parts.blocks)
    last = np.cumsum([depths[stage] for stage in sorted(depths)])
    for position, each in zip(last, maps[-len(last) :], strict=True):
        expected = each.numpy().astype(np.float64).var((2, 3), ddof=1).mean(1)
        np.testing.assert_allclose(variance[:, position], expected, rtol=1e-4)
    assert (square >= variance * 0.9).all()  # it has the square of the mean, too


def test_class_tokens_are_no_positions() -> None:
    network = lively("timm/test_vit")
    given = images(network)
    before, _ = map_variances(pixels_of(network), given)
    with torch.no_grad():
        network.blocks[-1].register_forward_hook(_louder)
    after, _ = map_variances(pixels_of(network), given)
    assert after.equal(before)


def _louder(module: nn.Module, given: object, tokens: torch.Tensor) -> torch.Tensor:
    del module, given
    return torch.cat([1e3 * tokens[:, :1], tokens[:, 1:]], 1)


def test_a_batch_is_no_more_than_its_images() -> None:
    network = pixels_of(lively("nano_resnet"))
    given = images(network.network, count=19)
    whole = map_variances(network, given)
    parts = [map_variances(network, given[i : i + 4]) for i in range(0, 19, 4)]
    for index in (0, 1):
        assert torch.cat([part[index] for part in parts]).equal(whole[index])


def test_no_hook_stays() -> None:
    network = lively("nano_convnext")
    map_variances(pixels_of(network), images(network))
    assert not any(module._forward_hooks for module in network.modules())
