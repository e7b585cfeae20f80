"""How far from their centre the depthwise kernels of a network look."""

from dataclasses import dataclass

import numpy as np
import torch

from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.analyses.refusals import unknown_parts
from ablations.robustness.conditions.answers import NotFiniteError
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, Images
from ablations.robustness.conditions.condition import NetworkCondition, Passes, Plain
from lit_models.probes.kernels import attention_distance, depthwise_kernels, uniform_distance


@dataclass(frozen=True)
class KernelDistance(NetworkCondition):
    """The attention distance of every depthwise kernel, in positions of its map."""

    kind = "analyses"

    @property
    def name(self) -> str:
        """`kernel_distance`."""
        return "kernel_distance"

    def parameters(self) -> Plain:
        """None."""
        return {}

    def passes(self, network: AskedNetwork) -> Passes:
        """None: it looks at weights."""
        del network
        return Passes(0)

    def refusal(self, network: AskedNetwork, images: Images) -> str | None:
        """A network without depthwise convolutions; one whose blocks are not known."""
        del images
        if said := unknown_parts("kernel distance", network):
            return said
        if depthwise_kernels(network.backbone):
            return None
        return f"kernel distance: {network.name} has no depthwise convolution larger than 1x1"

    def measure(self, network: AskedNetwork, images: Images, *, seed: int, batch: int) -> Arrays:
        """Distances of all channels, and what convolutions they are of: see `names`.

        Raises:
            NotFiniteError: a weight is no number.
        """
        del images, seed, batch
        kernels = depthwise_kernels(network.backbone)
        for kernel in kernels:
            if not torch.isfinite(kernel.weight).all():
                raise NotFiniteError(f"a kernel of block {kernel.block + 1} is NaN or infinite")
        found = [tuple(map(np.asarray, attention_distance(kernel))) for kernel in kernels]
        mean, raw = (np.concatenate(parts).astype(np.float32) for parts in zip(*found, strict=True))
        counts = [len(kernel.weight) for kernel in kernels]
        uniform = np.repeat([uniform_distance(kernel) for kernel in kernels], counts)
        return {
            names.MEAN_DISTANCE: mean,
            names.RAW_DISTANCE: raw,
            names.RELATIVE_DISTANCE: (mean / uniform).astype(np.float32),
            names.LAYER: np.repeat(np.arange(len(kernels)), counts).astype(np.int16),
            names.SIZE: np.array([max(kernel.weight.shape[1:]) for kernel in kernels], np.int16),
            names.STAGE: np.array([kernel.stage for kernel in kernels], np.int16),
            names.BLOCK: np.array([kernel.block for kernel in kernels], np.int16),
            names.EMPTY: np.array([int(np.isnan(each).sum()) for each, _ in found], np.int32),
        }
