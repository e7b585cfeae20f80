"""A network is asked about pixels, and its answer to an image is a matter of that image alone."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lit_models.families.specs import SPECS
from lit_models.network.builder import build
from lit_models.probes.pixels import ROWS, Pixels

NETWORKS = ("nano_resnet", "nano_convnext", "nano_spach_attn")
IMAGES = torch.rand(2 * ROWS + 5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(len(IMAGES)) % 10


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_and_gradients_are_the_same_bits_in_batches_of_any_size(name: str) -> None:
    network = pixels(name)
    logits, gradient = asked(network, 64)
    for size in (1, 7):
        other_logits, other_gradient = asked(network, size)
        assert other_logits.equal(logits)
        assert other_gradient.equal(gradient)


def test_an_image_has_the_answer_that_the_network_gives_to_what_is_normalised() -> None:
    network = pixels("nano_resnet")
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.4, 0.5, 0.6])
    normalised = (IMAGES - mean[:, None, None]) / std[:, None, None]
    expected = network.network(normalised)
    torch.testing.assert_close(network(IMAGES), expected)
    assert network.at_once(IMAGES).equal(expected)


def test_the_network_is_in_evaluation_mode_and_takes_no_gradient() -> None:
    network = pixels("nano_resnet")
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def pixels(name: str) -> Pixels:
    network = build(SPECS[name], num_classes=10, seed=0)
    return Pixels(network, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))


def asked(network: Pixels, size: int) -> tuple[Tensor, Tensor]:
    """Logits, and gradients of the loss."""
    found = []
    for part, labels in zip(torch.split(IMAGES, size), torch.split(LABELS, size), strict=True):
        images = part.clone().requires_grad_()
        logits = network(images)
        loss = cross_entropy(logits, labels, reduction="sum")
        found.append((logits.detach(), *torch.autograd.grad(loss, images)))
    logits, gradients = zip(*found, strict=True)
    return torch.cat(logits), torch.cat(gradients)
