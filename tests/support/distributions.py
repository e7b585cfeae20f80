"""Whether values look drawn from a distribution, within what their number allows."""

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor, nn

SIGMAS = 5.0  # of the estimate: a network of hundreds of tensors passes, a wrong factor does not
Check = Callable[[str, Tensor], None]


def constant(value: float) -> Check:
    """Every value is this one."""

    def check(name: str, values: Tensor) -> None:
        assert torch.equal(values, torch.full_like(values, value)), name

    return check


def normal(std: float) -> Check:
    """Mean 0, this standard deviation, and tails that no uniform distribution has."""

    def check(name: str, values: Tensor) -> None:
        number = values.numel()
        assert abs(values.mean()) < SIGMAS * std / sqrt(number), name
        # the estimate of a normal's standard deviation has the relative error 1 / sqrt(2n)
        assert abs(values.square().mean().sqrt() / std - 1) < SIGMAS / sqrt(2 * number), name
        if number >= 1000:
            assert values.abs().max() > 2.5 * std, name

    return check


def uniform(bound: float) -> Check:
    """Even over (-bound, bound): never beyond it, and as wide as it."""

    def check(name: str, values: Tensor) -> None:
        number = values.numel()
        assert values.abs().max() <= bound, name
        assert abs(values.mean()) < SIGMAS * bound / sqrt(3 * number), name
        # that of a uniform distribution (kurtosis 1.8): sqrt(0.2 / n)
        spread = values.square().mean().sqrt() * sqrt(3) / bound
        assert abs(spread - 1) < SIGMAS * sqrt(0.2 / number), name
        if number >= 100:
            assert values.abs().max() > 0.9 * bound, name

    return check


def fan_in(weight: Tensor) -> int:
    """Values that make one output."""
    return weight[0].numel()


def kaiming_fan_out(weight: Tensor) -> Check:
    """Kaiming normal for ReLU over outputs times kernel positions, whatever the groups."""
    return normal(sqrt(2 / (weight.shape[0] * weight[0, 0].numel())))


def xavier(weight: Tensor) -> Check:
    """Xavier uniform of a linear or 1x1 layer."""
    return uniform(sqrt(6 / (weight.shape[0] + weight.shape[1])))


def pytorch_default(weight: Tensor) -> Check:
    """PyTorch's constructors: uniform, bound 1 / sqrt(fan-in), for weight and bias alike."""
    return uniform(1 / sqrt(fan_in(weight)))


def norms(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Every norm of a network with its name."""
    kinds = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    return [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]
