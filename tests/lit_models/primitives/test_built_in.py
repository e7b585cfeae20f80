"""GRN and SE compute what their papers say, in float64, and what timm's modules do."""

import pytest
import torch
from timm.layers import SqueezeExcite
from timm.layers.grn import GlobalResponseNorm
from torch import Tensor, nn

from lit_models.primitives.table import primitive

CHANNELS = 24


def maps() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, CHANNELS, 5, 7, dtype=torch.float64, generator=generator)


def drawn(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


def same(a: nn.Module, b: nn.Module) -> None:
    """Outputs and gradients agree, with one set of values."""
    assert a.state_dict().keys() == b.state_dict().keys()
    b.load_state_dict(a.state_dict())
    for module in (a, b):
        module(maps()).square().sum().backward()
    assert torch.equal(a(maps()), b(maps()))
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    assert all(x.grad is not None and torch.equal(x.grad, y.grad) for x, y in pairs)  # type: ignore[arg-type]


def test_grn_is_the_formula_of_the_paper() -> None:
    x, module = maps(), drawn(primitive("grn").make(CHANNELS))
    gamma, beta = (value.detach().view(1, -1, 1, 1) for value in module.parameters())
    response = (x**2).sum((2, 3), keepdim=True) ** 0.5
    divided = response / (response.sum(1, keepdim=True) / CHANNELS + 1e-6)
    assert torch.allclose(module(x), gamma * (x * divided) + beta + x, rtol=1e-12, atol=1e-12)


def test_grn_is_timms() -> None:
    same(
        drawn(primitive("grn").make(CHANNELS, eps=1e-3)),
        GlobalResponseNorm(CHANNELS, eps=1e-3, channels_last=False).double(),
    )


def test_se_is_the_formula_of_the_paper() -> None:
    x, module = maps(), drawn(primitive("se").make(CHANNELS, reduction=4))
    w1, b1, w2, b2 = (value.detach().squeeze() for value in module.parameters())
    squeezed = x.mean((2, 3))
    gates = torch.sigmoid(torch.relu(squeezed @ w1.T + b1) @ w2.T + b2)
    assert w1.shape == (CHANNELS // 4, CHANNELS)
    assert torch.allclose(module(x), x * gates[:, :, None, None], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid"])
def test_se_with_timms_divisor_is_timms(gate: str) -> None:
    ours = primitive("se").make(CHANNELS, divisor=8, gate=gate)
    same(drawn(ours), SqueezeExcite(CHANNELS, gate_layer=gate).double())


@pytest.mark.parametrize(("channels", "inside"), [(256, 16), (64, 4), (24, 2), (8, 1)])
def test_se_squeezes_by_its_reduction(channels: int, inside: int) -> None:
    assert primitive("se").make(channels).get_parameter("fc1.weight").shape[0] == inside
