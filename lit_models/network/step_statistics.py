"""Batch norm's running statistics: one move an optimizer step, from all of its micro batches.

PyTorch moves them once a forward pass, so that they would depend on how a step is cut: 32 moves on
one device that accumulates 32 micro batches, 4 on each of eight devices, of which
DistributedDataParallel then keeps the first one's. Here every micro batch starts from the
statistics of the step's beginning, and the step ends on the mean of what each of them left, over
all devices. For a step of one micro batch on one device that is what PyTorch does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class StepStatistics:
    """The running statistics of a network within one optimizer step.

    `begin` before each forward pass, `keep` after it, `settle` once the step's last backward pass
    is over: buffers may not change between a forward pass and its backward pass, and a backward
    pass that computes activations anew (gradient checkpointing) moves them a second time.
    """

    def __init__(self, network: nn.Module) -> None:
        # without a momentum a norm averages over all forward passes since a reset: that is how
        # StochasticWeightAveraging renews statistics, and how a step is cut means nothing to it
        norms = [norm for norm in _batch_norms(network) if norm.momentum is not None]
        buffers = [buffer for norm in norms for buffer in norm.buffers(recurse=False)]
        self.means = [buffer for buffer in buffers if buffer.is_floating_point()]
        self.counts = [buffer for buffer in buffers if not buffer.is_floating_point()]
        self._forwards = 0
        self._start: list[Tensor] = []
        self._sums: list[Tensor] = []
        self._counted: list[Tensor] = []

    def begin(self) -> None:
        """Take the statistics back to where the step began."""
        if not self._forwards:
            self._start = _copies([*self.means, *self.counts])
        else:
            _set([*self.means, *self.counts], self._start)

    def keep(self) -> None:
        """Add what the forward pass left to the step's."""
        self._forwards += 1
        if self._forwards == 1:
            self._sums, self._counted = _copies(self.means), _copies(self.counts)
        elif self.means:
            torch._foreach_add_(self._sums, self.means)

    def settle(self) -> None:
        """Set the statistics to the mean over the step's forward passes, on all devices.

        Every device has to have had as many. Without a forward pass since the last time nothing
        changes.
        """
        if not self._forwards or not self.means:
            self._forwards = 0
            return
        sums, passes = _over_devices(self._sums, self._forwards)
        if passes > 1:
            torch._foreach_div_(sums, passes)
        _set(self.means, sums)
        _set(self.counts, self._counted)
        self._forwards = 0


@contextmanager
def resting_statistics(network: nn.Module) -> Iterator[None]:
    """Forward passes in this block do not move running statistics, though in training mode."""
    norms = _batch_norms(network)
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
    before = _copies(counts)
    for norm in norms:
        norm.momentum = 0.0  # no copy put back afterwards: buffers may not change before backward
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        _set(counts, before)


def _batch_norms(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def _over_devices(sums: Sequence[Tensor], passes: int) -> tuple[list[Tensor], int]:
    """The sums and the number of forward passes over all processes of torch.distributed."""
    distributed = torch.distributed
    if not distributed.is_available() or not distributed.is_initialized():
        return list(sums), passes
    flat = torch.cat([each.flatten() for each in sums])  # one collective for all
    distributed.all_reduce(flat)
    pieces = torch.split(flat, [each.numel() for each in sums])
    whole = [piece.view_as(each) for piece, each in zip(pieces, sums, strict=True)]
    return whole, passes * distributed.get_world_size()


@torch.no_grad()
def _set(buffers: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    if buffers:
        torch._foreach_copy_(list(buffers), list(values))


def _copies(buffers: Sequence[Tensor]) -> list[Tensor]:
    return [buffer.detach().clone() for buffer in buffers]
