"""TAIG, against a network of which its attributions are known: a linear one."""

import torch
from torch import Tensor, nn

from lit_models.probes.attacks.transfer import INTERVALS, ITERATIONS, STEP, mean_gradient, taig
from lit_models.probes.pixels import Pixels

WEIGHTS = torch.linspace(-1, 1, 2 * 12).view(2, 12)
CLEAN = torch.linspace(0.2, 0.8, 3 * 12).view(3, 3, 2, 2)
LABELS = torch.tensor([0, 1, 0])


def test_attributions_of_a_linear_network_are_value_times_weight() -> None:
    gradient = mean_gradient(linear(), CLEAN, LABELS)
    expected = -WEIGHTS[LABELS].view_as(CLEAN)
    torch.testing.assert_close(CLEAN * gradient, CLEAN * expected, rtol=0, atol=1e-6)


def test_the_line_is_from_black_to_the_image() -> None:
    """Of a square the gradient at x is 2x, so that its mean from black on is x."""
    gradient = mean_gradient(Pixels(Squares(), mean=(0.0,), std=(1.0,)), CLEAN, LABELS)
    torch.testing.assert_close(gradient, -CLEAN)


def test_values_go_down_where_they_speak_for_the_class_and_up_where_against() -> None:
    for eps in (0.03, 0.06, 0.1):
        found = taig(linear(), CLEAN, LABELS, eps=eps).pixels
        change = min(eps, ITERATIONS * STEP)
        expected = (CLEAN - change * WEIGHTS[LABELS].view_as(CLEAN).sign()).clamp(0, 1)
        torch.testing.assert_close(found, (expected * 255).round() / 255)


def test_a_black_value_has_no_attribution_and_stays() -> None:
    clean = CLEAN.clone()
    clean[:, 0] = 0
    found = taig(linear(), clean, LABELS, eps=0.1).pixels
    assert not found[:, 0].any()
    assert (found[:, 1:] != clean[:, 1:]).all()


def test_noise_moves_the_points_by_at_most_eps() -> None:
    seen: list[Tensor] = []
    squares = Pixels(Squares(seen), mean=(0.0,), std=(1.0,))
    taig(squares, CLEAN, LABELS, eps=0.05, noise=lambda step, point: torch.ones_like(CLEAN))
    first, last = seen[0][:3], seen[INTERVALS][:3]
    torch.testing.assert_close(first, torch.full_like(CLEAN, 0.05))
    torch.testing.assert_close(last, CLEAN + 0.05)


def linear() -> Pixels:
    layer = nn.Linear(12, 2, bias=False)
    layer.weight.data = WEIGHTS.clone()
    return Pixels(nn.Sequential(nn.Flatten(), layer), mean=(0.5,), std=(1.0,))


class Squares(nn.Module):
    """Both logits are the sum of the squared values."""

    def __init__(self, seen: list[Tensor] | None = None) -> None:
        super().__init__()
        self.seen: list[Tensor] = [] if seen is None else seen

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.detach().clone())
        return images.square().flatten(1).sum(1, keepdim=True).repeat(1, 2)
