"""Where the parts of a network are: its stem and its blocks, ours and some of timm's.

What asks a network about its blocks asks this first. Of timm's networks those are known whose parts
are what they are called: ConvNeXt, ResNet, Swin and ViT (which DeiT is).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from torch import nn

from lit_models.network.backbone import Backbone
from lit_models.network.blocks import Branch
from lit_models.probes.parts import NOT_RESIDUAL, RESHAPES, Anatomy, Part, Window
from lit_models.space.components import ConvLayer
from lit_models.space.geometry import padding
from lit_models.space.spec import ArchSpec

_POOL = Window(3, 2, 1)  # max pooling of a stem
_PATCH = Window(2, 2, 0)  # Swin's patch merging


def anatomy(network: nn.Module) -> Anatomy:
    """The parts of a network.

    Raises:
        ValueError: it is one of timm whose parts are not known.
    """
    if isinstance(network, Backbone):
        rows = [cast("nn.Sequential", stage.blocks) for stage in network.stages]
        spec = network.spec
        windows = tuple(_windows(spec))
        return Anatomy(network.stem, _parts(rows), side=spec.image_size, windows=windows)
    for kind in type(network).__mro__:
        if kind.__module__.startswith("timm.models.") and kind.__name__ in _TIMM:
            return _TIMM[kind.__name__](network)
    raise ValueError(
        f"where the blocks of a {type(network).__name__} are is not known: of timm's networks "
        f"those of {', '.join(sorted(_TIMM))} are"
    )


def _stays(block: nn.Module) -> str | None:
    """Why a block of ours cannot be taken out: all that it does has to be added to what comes."""
    branches = [branch for branch in block.children() if isinstance(branch, Branch)]
    if any(not branch.residual for branch in branches):
        return NOT_RESIDUAL
    if any(not isinstance(branch.shortcut, nn.Identity) for branch in branches):
        return RESHAPES
    return None


def _stays_in_timm(block: nn.Module) -> str | None:
    """Likewise of a ResNet's `downsample` or a ConvNeXt's `shortcut`; transformers have neither."""
    shortcut = getattr(block, "downsample", None) or getattr(block, "shortcut", None)
    return None if shortcut is None or isinstance(shortcut, nn.Identity) else RESHAPES


def _windows(spec: ArchSpec) -> Iterator[Window]:
    """Of the stem, and of what makes maps smaller."""
    yield from map(_window, spec.stem.layers)
    if spec.stem.max_pool:
        yield _POOL
    for stage, depth in enumerate(spec.depths):
        if spec.strides[stage] > 1 and spec.downsample.place == "separate":
            yield from map(_window, spec.downsample.layers)
        for index in range(depth):
            spatial = spec.block_at(stage, index).branches[0].spatial
            stride = spec.block_stride(stage, index)
            if stride > 1:
                kernel = spatial.kernel_size if spatial and spatial.kernel_size else 1
                yield Window(kernel, stride, padding(kernel, stride)[0])


def _window(layer: ConvLayer) -> Window:
    before, _ = padding(layer.kernel_size, layer.stride)
    return Window(layer.kernel_size, layer.stride, before)


def _windows_in(*modules: nn.Module) -> tuple[Window, ...]:
    """Those of timm's convolutions and poolings, which are square and pad both sides alike."""
    kinds = (nn.Conv2d, nn.MaxPool2d)
    layers = [each for module in modules for each in module.modules() if isinstance(each, kinds)]
    return tuple(
        Window(*(one if isinstance(one, int) else int(one[0]) for one in sizes))
        for sizes in ((each.kernel_size, each.stride, each.padding) for each in layers)
    )


def _parts(
    rows: Sequence[nn.Sequential], stays: Callable[[nn.Module], str | None] = _stays
) -> tuple[Part, ...]:
    return tuple(
        Part(row, index, stage, stays(block))
        for stage, row in enumerate(rows, start=1)
        for index, block in enumerate(row)
    )


def _convnext(network: Any) -> Anatomy:
    blocks = _parts([stage.blocks for stage in network.stages], _stays_in_timm)
    windows = _windows_in(network.stem, *(stage.downsample for stage in network.stages))
    return Anatomy(network.stem, blocks, windows=windows)


def _resnet(network: Any) -> Anatomy:
    rows = [network.layer1, network.layer2, network.layer3, network.layer4]
    windows = [*_windows_in(network.conv1, network.maxpool)]
    for row in rows:  # odd kernels, as many zeros before as behind them
        strides = [each.stride[0] for each in row[0].modules() if isinstance(each, nn.Conv2d)]
        windows.append(Window(1, max(strides, default=1), 0))
    return Anatomy(network.maxpool, _parts(rows, _stays_in_timm), windows=tuple(windows))


def _swin(network: Any) -> Anatomy:
    stem, blocks = network.patch_embed, [layer.blocks for layer in network.layers]
    merged = [layer for layer in network.layers if not isinstance(layer.downsample, nn.Identity)]
    windows = (*_windows_in(stem.proj), *(_PATCH for _ in merged))
    parts = _parts(blocks, _stays_in_timm)
    return Anatomy(stem, parts, "NHWC", side=stem.img_size[0], windows=windows)


def _vit(network: Any) -> Anatomy:
    stem, blocks = network.patch_embed, _parts([network.blocks], _stays_in_timm)
    prefix, side = network.num_prefix_tokens, stem.img_size[0]
    return Anatomy(stem, blocks, "NLC", prefix, side, _windows_in(stem.proj))


_TIMM: Mapping[str, Callable[[Any], Anatomy]] = MappingProxyType(
    {
        "ConvNeXt": _convnext,
        "ResNet": _resnet,
        "SwinTransformer": _swin,
        "VisionTransformer": _vit,
    }
)
