"""Which of a network's tensors holds NaN or infinity."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def first_not_finite(named: Iterable[tuple[str, Tensor]]) -> str | None:
    """Name and content of the first tensor with NaN or infinity; None where all are finite.

    One wait for the device where all are.
    """
    tensors = [(name, t.detach()) for name, t in named if t.is_floating_point() and t.numel()]
    if not tensors or bool(torch.stack([t.isfinite().all() for _, t in tensors]).all()):
        return None
    for name, tensor in tensors:
        bad = int((~tensor.isfinite()).sum())
        if bad:
            return f"{name} ({bad:,} of {tensor.numel():,} values are NaN or infinite)"
    raise AssertionError("one of them is not finite")


def require_finite(module: nn.Module, *, source: object) -> None:
    """Raise ValueError, naming the source, where a module was given NaN or infinity."""
    found = first_not_finite(state_of(module))
    if found is not None:
        raise ValueError(f"{source} holds weights that are no numbers: {found}")


def state_of(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    """Every parameter and buffer of a module by name, each once."""
    yield from module.named_parameters()
    yield from module.named_buffers()
