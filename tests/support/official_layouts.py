"""Key names of official state dicts, written out for networks of one or two blocks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor

from lit_models import ArchSpec
from lit_models.families.convmixer import convmixer
from lit_models.families.convnext import convnext, isotropic
from lit_models.families.convnext_v2 import convnext_v2
from lit_models.families.replknet import replknet
from lit_models.families.robust_resnet import WIDTHS
from lit_models.families.spach import conv_stem, multi_stage, single_stage
from lit_models.families.specs import SPECS
from lit_models.space.components import Branch
from lit_models.space.spec import merged_spec

CLASSES = 5
State = dict[str, Tensor]


class Writer:
    """Draws tensors under names."""

    def __init__(self) -> None:
        self.state: State = {}
        self._generator = torch.Generator().manual_seed(0)

    def tensor(self, name: str, *shape: int) -> None:
        self.state[name] = torch.rand(shape, generator=self._generator) + 0.5

    def layer(self, name: str, *shape: int, bias: bool = True) -> None:
        self.tensor(f"{name}.weight", *shape)
        if bias:
            self.tensor(f"{name}.bias", shape[0])

    def batch_norm(self, name: str, channels: int) -> None:
        self.layer(name, channels)
        self.tensor(f"{name}.running_mean", channels)
        self.tensor(f"{name}.running_var", channels)
        self.state[f"{name}.num_batches_tracked"] = torch.tensor(len(self.state))

    def conv_bn(self, name: str, *shape: int) -> None:
        self.layer(f"{name}.conv", *shape, bias=False)
        self.batch_norm(f"{name}.bn", shape[0])


@dataclass(frozen=True)
class Case:
    """A small network and a state dict of it in an official key layout."""

    layout: str
    spec: ArchSpec
    write: Callable[[Writer], None]

    def state(self) -> State:
        writer = Writer()
        self.write(writer)
        return writer.state


def _convnext_block(
    w: Writer, name: str, dim: int, *, scale: bool = True, grn: bool = False
) -> None:
    w.layer(f"{name}.dwconv", dim, 1, 7, 7)
    w.layer(f"{name}.norm", dim)
    w.layer(f"{name}.pwconv1", 4 * dim, dim)
    if grn:
        w.tensor(f"{name}.grn.gamma", 1, 1, 1, 4 * dim)
        w.tensor(f"{name}.grn.beta", 1, 1, 1, 4 * dim)
    w.layer(f"{name}.pwconv2", dim, 4 * dim)
    if scale:
        w.tensor(f"{name}.gamma", dim)


def _convnext_v2(w: Writer) -> None:
    _convnext(w, scale=False, grn=True)


def _convnext(w: Writer, *, scale: bool = True, grn: bool = False) -> None:
    w.layer("downsample_layers.0.0", 4, 3, 4, 4)
    w.layer("downsample_layers.0.1", 4)
    w.layer("downsample_layers.1.0", 4)
    w.layer("downsample_layers.1.1", 8, 4, 2, 2)
    for name, dim in (("stages.0.0", 4), ("stages.1.0", 8), ("stages.1.1", 8)):
        _convnext_block(w, name, dim, scale=scale, grn=grn)
    w.layer("norm", 8)
    w.layer("head", CLASSES, 8)


def _isotropic(*, scale: bool) -> Callable[[Writer], None]:
    def write(w: Writer) -> None:
        w.layer("stem", 4, 3, 16, 16)
        _convnext_block(w, "blocks.0", 4, scale=scale)
        _convnext_block(w, "blocks.1", 4, scale=scale)
        w.layer("norm", 4)
        w.layer("head", CLASSES, 4)

    return write


def _robust_up(*, scale: bool) -> Callable[[Writer], None]:
    def write(w: Writer) -> None:
        w.layer("stem", 4, 3, 16, 16)
        for stage, (before, dim) in enumerate(((4, 4), (4, 8), (8, 16), (16, 32))):
            block = f"stages.{stage}.blocks.0"
            w.layer(f"{block}.conv_dw", dim, 1, 11, 11)
            w.batch_norm(f"{block}.norm2", dim)
            w.layer(f"{block}.pwconv1", 4 * dim, dim, 1, 1)
            w.layer(f"{block}.pwconv2", dim, 4 * dim, 1, 1)
            if scale:
                w.tensor(f"{block}.gamma", dim)
            if dim != before:
                w.layer(f"{block}.downsample.0", dim, before, 1, 1)
                w.batch_norm(f"{block}.downsample.1", dim)
        w.layer("head.fc", CLASSES, 32)

    return write


def _channels(w: Writer, name: str, dim: int) -> None:
    w.layer(f"{name}.channel_func.fc1", 2 * dim, dim)
    w.layer(f"{name}.channel_func.fc2", dim, 2 * dim)
    w.layer(f"{name}.norm2", dim)


def _spach_single(w: Writer) -> None:
    w.layer("stem.proj", 8, 3, 16, 16)
    w.layer("norm1", 8)
    for name in ("blocks.0", "blocks.1"):
        w.tensor(f"{name}.gamma_1", 1, 1, 8)
        if name == "blocks.0":
            w.layer("blocks.0.spatial_func.fc1", 2, 4)
            w.layer("blocks.0.spatial_func.fc2", 4, 2)
        for leaf in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"):
            w.state[f"{name}.spatial_func.{leaf}"] = w.state[f"blocks.0.spatial_func.{leaf}"]
        w.layer(f"{name}.norm1", 8)
        _channels(w, name, 8)
        w.layer(f"{name}.cpe_net.conv", 8, 1, 3, 3)
    w.layer("norm2", 8)
    w.layer("head", CLASSES, 8)


def _spach_multi(w: Writer) -> None:
    w.layer("stem.proj.0", 64, 3, 7, 7, bias=False)
    w.batch_norm("stem.proj.1", 64)
    w.layer("stem.proj.3", 64, 64, 3, 3, bias=False)
    w.batch_norm("stem.proj.4", 64)
    w.layer("stem.proj.6", 64, 64, 3, 3, bias=False)
    w.batch_norm("stem.proj.7", 64)
    w.layer("stem.proj.9", 4, 64, 2, 2)
    w.layer("norm1", 4)
    w.layer("layer1.0.cpe_net", 4, 1, 3, 3)  # pass
    _channels(w, "layer1.0", 4)
    w.layer("layer2.0.conv", 8, 4, 2, 2, bias=False)
    w.layer("layer2.0.norm", 8)
    w.layer("layer2.1.cpe_net", 8, 1, 3, 3)
    _channels(w, "layer2.1", 8)
    w.tensor("layer2.2.gamma_1", 1, 1, 8)
    w.layer("layer2.2.norm1", 8)
    w.layer("layer2.2.spatial_func.qkv", 24, 8)
    w.layer("layer2.2.spatial_func.proj", 8, 8)
    w.layer("layer2.2.cpe_net", 8, 1, 3, 3)
    _channels(w, "layer2.2", 8)
    w.layer("norm2", 8)
    w.layer("head", CLASSES, 8)


def _convmixer(w: Writer) -> None:
    w.layer("0", 4, 3, 2, 2)
    w.batch_norm("2", 4)
    for block in ("3", "4"):
        w.layer(f"{block}.0.fn.0", 4, 1, 3, 3)
        w.batch_norm(f"{block}.0.fn.2", 4)
        w.layer(f"{block}.1", 4, 4, 1, 1)
        w.batch_norm(f"{block}.3", 4)
    w.layer("7", CLASSES, 4)


def _replknet(*, small: bool = True, merged: bool = False) -> Callable[[Writer], None]:
    def block(w: Writer, name: str, dim: int) -> None:
        w.batch_norm(f"{name}.0.prelkb_bn", dim)
        w.conv_bn(f"{name}.0.pw1", dim, dim, 1, 1)
        if merged:
            w.layer(f"{name}.0.large_kernel.lkb_reparam", dim, 1, 7, 7)
        else:
            w.conv_bn(f"{name}.0.large_kernel.lkb_origin", dim, 1, 7, 7)
        if small and not merged:
            w.conv_bn(f"{name}.0.large_kernel.small_conv", dim, 1, 5, 5)
        w.conv_bn(f"{name}.0.pw2", dim, dim, 1, 1)
        w.batch_norm(f"{name}.1.preffn_bn", dim)
        w.conv_bn(f"{name}.1.pw1", 4 * dim, dim, 1, 1)
        w.conv_bn(f"{name}.1.pw2", dim, 4 * dim, 1, 1)

    def write(w: Writer) -> None:
        shapes = ((4, 3, 3, 3), (4, 1, 3, 3), (4, 4, 1, 1), (4, 1, 3, 3))
        for index, shape in enumerate(shapes):
            w.conv_bn(f"stem.{index}", *shape)
        block(w, "stages.0.blocks", 4)
        w.conv_bn("transitions.0.0", 8, 4, 1, 1)
        w.conv_bn("transitions.0.1", 8, 1, 3, 3)
        block(w, "stages.1.blocks", 8)
        w.batch_norm("norm", 8)
        w.layer("head", CLASSES, 8)

    return write


def _shared(spec: ArchSpec) -> ArchSpec:
    def edit(branch: Branch) -> Branch:
        spatial = branch.spatial
        return branch if spatial is None else replace(branch, spatial=replace(spatial, shared=True))

    return spec.map_branches(edit)


def _small_replknet(small: tuple[int, ...] = (5,)) -> ArchSpec:
    return replknet((1, 1), width=4, kernels=(7, 7), small=small)


def _cases() -> dict[str, Case]:
    released, scaled = (
        replace(SPECS[name], depths=(1, 1, 1, 1), widths=tuple(width // 24 for width in WIDTHS))
        for name in (
            "robust_resnet_up_inverted_dw_small",
            "robust_resnet_up_inverted_dw_small__scale",
        )
    )
    mixer = single_stage("mlp", 2, width=8, heads=1, ratio=2, image_size=32)
    stages = ((("conv", 1),), (("conv", 1), ("attn", 1)))
    hybrid = multi_stage(stages, width=4, heads=1, ratio=2)  # type: ignore[arg-type]
    robust, replk = "the official Robust-ResNet (RobustCNN)", "the official RepLKNet"
    iso = "the official isotropic ConvNeXt"
    return {
        "convnext": Case(
            "the official ConvNeXt", convnext((1, 2), width=4, drop_path_rate=0), _convnext
        ),
        "convnext_v2": Case("the official ConvNeXt V2", convnext_v2((1, 2), width=4), _convnext_v2),
        "isotropic": Case(
            iso, isotropic(2, width=4, drop_path_rate=0, layer_scale=1e-6), _isotropic(scale=True)
        ),
        "isotropic_no_gamma": Case(
            iso, isotropic(2, width=4, drop_path_rate=0), _isotropic(scale=False)
        ),
        "robust_up": Case(robust, released, _robust_up(scale=False)),
        "robust_up_scale": Case(robust, scaled, _robust_up(scale=True)),
        "spach_single_shared_mlp": Case(
            "the official single-stage SPACH", _shared(mixer), _spach_single
        ),
        "spach_multi_hybrid_conv4": Case(
            "the official multi-stage SPACH", replace(hybrid, stem=conv_stem(4)), _spach_multi
        ),
        "convmixer": Case(
            "the official ConvMixer", convmixer(4, 2, kernel_size=3, patch_size=2), _convmixer
        ),
        "replknet": Case(replk, _small_replknet(), _replknet()),
        "replknet_xl": Case(replk, _small_replknet(()), _replknet(small=False)),
        "replknet_merged": Case(
            "the official RepLKNet with merged kernels",
            merged_spec(_small_replknet()),
            _replknet(merged=True),
        ),
    }


CASES: Mapping[str, Case] = MappingProxyType(_cases())
