"""How much the maps of a network vary over their positions, from the stem to the last block.

After arXiv 2202.06709 (How Do Vision Transformers Work?), figure 9, and arXiv 2407.08972, section
4.7: a layer that lowers the variance averages over positions.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from lit_models.probes.anatomy import anatomy
from lit_models.probes.parts import Anatomy
from lit_models.probes.pixels import Pixels


def map_variances(network: Pixels, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The variance of the maps of each image, and their mean square.

    The variance over positions is taken for each image and channel, unbiased, and its mean over
    channels. (Code released with the second paper takes the variance of the mean over a batch,
    which is another and smaller number.)

    Args:
        network: see `anatomy`.
        pixels: (N, C, H, W) in [0, 1], on the network's device.

    Returns:
        Two tensors (N, maps): of the stem's output and that of every block. A map of one
        position has no variance (NaN).

    Raises:
        ValueError: see `anatomy`.
    """
    parts = anatomy(network.network)
    modules = (parts.stem, *(part.module for part in parts.blocks))
    noted: list[list[tuple[Tensor, Tensor]]] = [[] for _ in modules]
    with ExitStack() as stack, torch.inference_mode():
        for module, notes in zip(modules, noted, strict=True):
            hook = _noting(parts, notes, of_block=module is not parts.stem)
            stack.callback(module.register_forward_hook(hook).remove)
        network(pixels)
    # a network may be shown some of the images at a time, and blank ones after the last
    variance, square = (
        torch.stack([torch.cat(each)[: len(pixels)] for each in kept], 1)
        for kept in zip(*(zip(*notes, strict=True) for notes in noted), strict=True)
    )
    return variance, square


def _noting(
    parts: Anatomy, notes: list[tuple[Tensor, Tensor]], *, of_block: bool
) -> Callable[[nn.Module, Any, Tensor], None]:
    """A hook that keeps two numbers an image, and no map."""

    def note(module: nn.Module, given: Any, maps: Tensor) -> None:
        del module, given
        values = parts.positions(maps, of_block=of_block).float()
        only = values.shape[2] == 1
        variance = torch.full_like(values[:, :, 0], torch.nan) if only else values.var(2)
        notes.append((variance.mean(1), values.square().mean((1, 2))))

    return note
