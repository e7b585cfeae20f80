"""Sides of the feature maps of a spec, and kernels with weights that never meet the map."""

from collections.abc import Iterator
from dataclasses import dataclass

from lit_models.space.arrangement import Arrangement
from lit_models.space.components import ConvLayer


def padding(kernel_size: int, stride: int) -> tuple[int, int]:
    """Rows (and columns) of zeros before and after a map, for a convolution of this project.

    A patch convolution (stride = kernel size) tiles the map and has none, others have
    `kernel_size // 2`. An even kernel without a stride keeps the side of the map: it has one row
    less before it (ConvMixer's `same`).
    """
    if stride == kernel_size:
        return 0, 0
    after = kernel_size // 2
    return (kernel_size - 1) // 2 if stride == 1 else after, after


def convolved(side: int, *, kernel_size: int, stride: int) -> int:
    """Side of a square map after a convolution with this project's `padding`."""
    return (side + sum(padding(kernel_size, stride)) - kernel_size) // stride + 1


def _stacked(side: int, layers: tuple[ConvLayer, ...]) -> int:
    for layer in layers:
        side = convolved(side, kernel_size=layer.kernel_size, stride=layer.stride)
    return side


def block_sides(spec: Arrangement, image_size: int) -> Iterator[tuple[int, int, int]]:
    """(stage, index, side of the map that comes in) for every block, for square images."""
    side = _stacked(image_size, spec.stem.layers)
    if spec.stem.max_pool:
        side = convolved(side, kernel_size=3, stride=2)
    for stage, depth in enumerate(spec.depths):
        if spec.strides[stage] > 1 and spec.downsample.place == "separate":
            side = _stacked(side, spec.downsample.layers)
        for index in range(depth):
            yield stage, index, side
            stride = spec.block_stride(stage, index)
            spatial = spec.block_at(stage, index).branches[0].spatial
            kernel = spatial.kernel_size if spatial else None
            side = convolved(side, kernel_size=kernel or 1, stride=stride)


@dataclass(frozen=True)
class OversizedKernel:
    """Kernels of a stage that reach beyond the map: `share` of their weights never meet it."""

    stage: int  # counted from 1
    kernel_size: int
    side: int  # of the map, in positions
    share: float

    @property
    def sentence(self) -> str:
        """What is wasted, in words."""
        reach = 2 * self.side - 1
        return (
            f"stage {self.stage}: {self.kernel_size}x{self.kernel_size} kernels on "
            f"{self.side}x{self.side} maps, of which only the central {reach}x{reach} ever meets "
            f"the map; {self.share:.0%} of their weights are wasted"
        )


def oversized_kernels(spec: Arrangement, image_size: int) -> tuple[OversizedKernel, ...]:
    """Kernels larger than 2 * side - 1, one entry a stage and size.

    On a map of side s the weight at offset d from the centre meets the map only when d < s: the
    outer weights of a larger kernel are never used. A network that leaves no map at all has none.
    """
    found: dict[tuple[int, int], OversizedKernel] = {}
    for stage, index, side in block_sides(spec, image_size):
        for branch in spec.block_at(stage, index).branches:
            size = branch.spatial.kernel_size if branch.spatial else None
            if size is not None and side > 0 and size > 2 * side - 1:
                share = 1 - ((2 * side - 1) / size) ** 2
                found[stage, size] = OversizedKernel(stage + 1, size, side, share)
    return tuple(found.values())
