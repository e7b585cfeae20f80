"""Parameters and multiply-adds of a network in closed form, from its fields alone. No torch.

`lit_models.network.complexity.count` builds a network and counts it; this says the same in a
ten-thousandth of a second, so that widths can be searched. A test holds every network of the
shipped studies and every step of the trajectories against that counter.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from lit_models.space.arrangement import Arrangement
from lit_models.space.components import Block, Branch, ConvLayer, NormKind, Spatial
from lit_models.space.geometry import convolved
from lit_models.space.legality import BLURRED_CHANNELS


class ClosedCost(NamedTuple):
    """Parameters, and multiply-adds of one image, as whole numbers."""

    params: int
    macs: int

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """The sum of parts."""
        found = list(parts)
        return cls(sum(part.params for part in found), sum(part.macs for part in found))


class _Map(NamedTuple):
    """A feature map on its way through the network: channels, and positions along one side."""

    channels: int
    side: int


_Part = tuple[ClosedCost, _Map]  # of one layer: what it costs and what it gives
Stages = dict[tuple[int, _Map, int], _Part]  # by number, what comes in, and width


def closed_cost(
    spec: Arrangement,
    *,
    image_size: int,
    num_classes: int,
    in_chans: int,
    stages: Stages | None = None,
) -> ClosedCost:
    """What a network costs, as `count` counts it: no norms and no activations in the multiply-adds.

    The fields need not be those of a legal network, whose check takes longer than this. `stages`
    remembers the stages of networks that differ in nothing but their widths. Raises ValueError for
    a network with primitives: what these cost only their modules know.
    """
    if spec.primitives():
        names = ", ".join(sorted(spec.primitives()))
        raise ValueError(f"what primitives cost ({names}) is known to their modules only")
    image = _Map(in_chans, image_size)
    seen: Stages = {} if stages is None else stages
    return ClosedCost.total(_parts(spec, image, num_classes=num_classes, seen=seen))


def _parts(
    spec: Arrangement, image: _Map, *, num_classes: int, seen: Stages
) -> Iterator[ClosedCost]:
    cost, here = _stack(spec, spec.stem.layers, image, width=spec.widths[0])
    yield cost
    if spec.stem.max_pool:
        here = here._replace(side=convolved(here.side, kernel_size=3, stride=2))
    for stage in range(len(spec.depths)):
        key = (stage, here, spec.widths[stage])  # all that a stage's cost depends on
        if key not in seen:
            seen[key] = _stage(spec, stage, here)
        cost, here = seen[key]
        yield cost
    norms = 2 * here.channels if spec.head.norm != "none" and spec.norm != "none" else 0
    weights = here.channels * num_classes
    yield ClosedCost(norms + weights + num_classes, weights)


def _stage(spec: Arrangement, stage: int, here: _Map) -> _Part:
    costs, cost = [], ClosedCost(0, 0)
    if spec.strides[stage] > 1 and spec.downsample.place == "separate":
        if spec.downsample.norm_before:
            costs.append(ClosedCost(_norm(spec, here.channels), 0))
        cost, here = _stack(spec, spec.downsample.layers, here, width=spec.block_width(stage))
        costs.append(cost)
    shared: set[tuple[object, ...]] = set()
    last: tuple[object, ...] = ()
    for index in range(spec.depths[stage]):
        block, stride = spec.block_at(stage, index), spec.block_stride(stage, index)
        same = (id(block), stride, here)
        if shared or same != last:  # a block like the one before costs what that does
            cost, here = _block(spec, block, here, stage=stage, stride=stride, shared=shared)
        last = same
        costs.append(cost)
    return ClosedCost.total(costs), here


def _block(
    spec: Arrangement,
    block: Block,
    here: _Map,
    *,
    stage: int,
    stride: int,
    shared: set[tuple[object, ...]],
) -> _Part:
    costs = []
    for branch in block.branches:
        cost, here = _branch(spec, branch, here, stage=stage, stride=stride, shared=shared)
        costs.append(cost)
        stride = 1  # only the first branch changes the shape
    return ClosedCost.total(costs), here


def _branch(
    spec: Arrangement,
    branch: Branch,
    start: _Map,
    *,
    stage: int,
    stride: int,
    shared: set[tuple[object, ...]],
) -> _Part:
    width, here = spec.block_width(stage), start
    extra = _norm(spec, start.channels) if "input" in branch.norms else 0
    extra += _norm(spec, width) if "sum" in branch.norms else 0
    extra += width if branch.layer_scale is not None else 0
    costs = [ClosedCost(extra, 0)]
    targets = spec.layer_widths(branch, stage, arriving=start.channels)
    for role, target in zip(branch.layers, targets, strict=True):
        spatial = branch.spatial if role == "spatial" else None
        if spatial is None or spatial.convolves:
            layer = _as_layer(branch, role, target, stride=stride)
            cost, after = _conv(spec, layer, here, target, parallel=_parallel(spatial))
        else:
            cost, after = _mixer(spec, branch, here), here
        if spatial is not None and spatial.shared:
            key = (spatial, here.channels, target, stride)
            cost = _seen_before(spec, branch, cost, target) if key in shared else cost
            shared.add(key)
        costs.append(cost)
        here = after
    if branch.residual and (stride != 1 or start.channels != width):
        shortcut = ConvLayer(1, stride, norm=spec.shortcut_norm)
        cost, here = _conv(spec, shortcut, start, width)
        costs.append(cost)
    if branch.residual and branch.bypass:
        weights = width * branch.bypass**2
        costs.append(ClosedCost(weights + width, weights * here.side**2))
    return ClosedCost.total(costs), here._replace(channels=width)


def _as_layer(branch: Branch, role: str, width: int, *, stride: int) -> ConvLayer:
    """A layer of a block's row as the convolution that it is."""
    spatial = branch.spatial if role == "spatial" else None
    return ConvLayer(
        kernel_size=spatial.kernel_size or 1 if spatial else 1,
        stride=stride if spatial else 1,
        width=width,
        depthwise=spatial is not None and spatial.kind == "depthwise",
        norm=role in branch.norms,
        activation=role in branch.activations,
    )


def _parallel(spatial: Spatial | None) -> tuple[int, ...] | None:
    return None if spatial is None else spatial.parallel_kernels


def _stack(spec: Arrangement, layers: Iterable[ConvLayer], here: _Map, *, width: int) -> _Part:
    costs = []
    for layer in layers:
        cost, here = _conv(spec, layer, here, layer.width or width)
        costs.append(cost)
    return ClosedCost.total(costs), here


def _conv(
    spec: Arrangement,
    layer: ConvLayer,
    before: _Map,
    width: int,
    *,
    parallel: tuple[int, ...] | None = None,
) -> _Part:
    """A convolution with its norm; with a blur before it where the spec has that."""
    size, stride = layer.kernel_size, layer.stride
    after = _Map(width, convolved(before.side, kernel_size=size, stride=stride))
    inputs = 1 if layer.depthwise else before.channels
    sizes = (size,) if parallel is None else (size, *parallel)
    weights = sum(k * k for k in sizes) * inputs * width
    params = weights + (_norm(spec, width, kind=layer.norm_kind) if layer.norm else 0)
    if parallel is not None:
        params += 2 * width * len(sizes)  # batch norms of their own, and no bias
    elif _biased(spec, layer):
        params += width
    blurred = spec.blur_pool and stride > 1 and before.channels >= BLURRED_CHANNELS
    blur = 9 * before.channels * before.side**2 if blurred else 0
    return ClosedCost(params, weights * after.side**2 + blur), after


def _biased(spec: Arrangement, layer: ConvLayer) -> bool:
    if layer.bias is not None:
        return layer.bias
    norm_next = layer.norm and (spec.norm_first or not layer.activation)
    return spec.bias == "always" or not (norm_next and (layer.norm_kind or spec.norm) == "batch")


def _norm(spec: Arrangement, channels: int, *, kind: NormKind | None = None) -> int:
    """Parameters of a norm: a factor and a shift for each channel."""
    return 0 if (kind or spec.norm) == "none" else 2 * channels


def _mixer(spec: Arrangement, branch: Branch, here: _Map) -> ClosedCost:
    """Attention or a token MLP, with the norm after it."""
    spatial, positions = branch.spatial, here.side**2
    assert spatial is not None
    norm = _norm(spec, here.channels) if "spatial" in branch.norms else 0
    if spatial.kind == "attention":
        weights = 4 * here.channels**2  # queries, keys, values and the projection
        products = 2 * positions**2 * here.channels  # of queries and keys, of weights and values
        return ClosedCost(weights + 4 * here.channels + norm, positions * weights + products)
    hidden = spatial.token_width(positions)
    weights = 2 * positions * hidden
    return ClosedCost(weights + hidden + positions + norm, here.channels * weights)


def _seen_before(spec: Arrangement, branch: Branch, cost: ClosedCost, width: int) -> ClosedCost:
    """A mixer whose weights another block of the stage has: its norm is its own."""
    norm = _norm(spec, width) if "spatial" in branch.norms else 0
    return cost._replace(params=norm)
