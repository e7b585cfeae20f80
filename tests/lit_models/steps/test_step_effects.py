"""What a step says is so everywhere in the built network, in every family that takes it."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from lit_models import SPECS, ArchSpec, IllegalStep, build, parse_step
from lit_models.network.layers import LayerScale, ParallelConv
from lit_models.network.mixers import Attention, TokenMlp
from tests.support.distributions import norms

NANOS = tuple(name for name in SPECS if name.startswith("nano_"))
CONV_STEM = "spach_ms_xs_patch4_224_hybrid__conv4"
ACTIVATIONS = ("ReLU", "GELU", "SiLU")
NORMS = {"batch": nn.BatchNorm2d, "layer": nn.LayerNorm, "group": nn.GroupNorm}


def network(spec: ArchSpec) -> nn.Module:
    with torch.device("meta"):
        return build(spec, num_classes=3)


def after(name: str, text: str) -> nn.Module | None:
    """The network after the step; None where the family refuses it."""
    try:
        return network(parse_step(text).apply(SPECS[name]))
    except IllegalStep:
        return None


def activations(model: nn.Module) -> list[tuple[str, str]]:
    """Name and kind of every activation; a class of ours or of timm has the kind in its name."""
    kinds = ((where, type(module).__name__) for where, module in model.named_modules())
    return [(where, kind[-4:]) for where, kind in kinds if kind.endswith(ACTIVATIONS)]


def own_norms(model: nn.Module) -> set[str]:
    """The names of norms that belong to parallel kernels."""
    return {
        f"{name}.norms.{index}"
        for name, module in model.named_modules()
        if isinstance(module, ParallelConv)
        for index in range(len(module.norms))
    }


def spatial_layers(model: nn.Module) -> list[nn.Module]:
    """The convolution or mixer of every branch that has one; shared ones at every place."""
    found = []
    for name, module in model.named_modules(remove_duplicate=False):
        parent, _, leaf = name.rpartition(".")
        if leaf in ("conv", "mixer") and parent.endswith(".layers.spatial"):
            found.append(module)
    return found


@pytest.mark.parametrize("name", [*NANOS, CONV_STEM])
def test_an_activation_is_the_only_one(name: str) -> None:
    model = after(name, "activation=silu")
    assert model is not None
    assert {kind for _, kind in activations(model)} == {"SiLU"}


@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_is_the_only_one_but_for_those_with_a_kind_of_their_own(kind: str) -> None:
    for name in NANOS:
        model = after(name, f"norm={kind}")
        if model is None:
            continue
        left = [
            where
            for where, norm in norms(model)
            if not isinstance(norm, NORMS[kind]) and where not in own_norms(model)
        ]
        # the group norms between SPACH's stages are of the layer, not of the network
        assert all(".downsample." in where for where in left), (name, left)
        assert not left or "spach_ms" in name


def test_no_norm_leaves_those_of_parallel_kernels() -> None:
    for name in NANOS:
        model = after(name, "norm=none")
        assert model is not None
        left = {where for where, _ in norms(model)} - own_norms(model)
        assert all(".downsample." in where and "spach_ms" in name for where in left), (name, left)


def test_kernels_are_of_one_size_and_else_what_they_were() -> None:
    for name in NANOS:
        model = after(name, "kernel_size=9")
        if model is None:
            continue
        before = map(convolution, spatial_layers(network(SPECS[name])))
        for old, new in zip(before, map(convolution, spatial_layers(model)), strict=True):
            assert new.kernel_size == (9, 9)
            assert (new.groups, new.out_channels) == (old.groups, old.out_channels)
            assert new.stride == old.stride


def convolution(layer: nn.Module) -> nn.Conv2d:
    """The convolution; of parallel ones the large one."""
    found = layer.convs[0] if isinstance(layer, ParallelConv) else layer
    assert isinstance(found, nn.Conv2d)
    return found


@pytest.mark.parametrize(
    ("text", "kind"),
    [("mixer=attention", Attention), ("mixer=token_mlp:32", TokenMlp), ("mixer=none", None)],
)
def test_every_block_has_the_mixer(text: str, kind: type[nn.Module] | None) -> None:
    swapped = 0
    for name in NANOS:
        model = after(name, text)
        if model is None:
            continue
        mixers = spatial_layers(model)
        assert len(mixers) == (sum(SPECS[name].depths) if kind else 0), name
        assert all(kind is not None and isinstance(mixer, kind) for mixer in mixers)
        swapped += 1
    assert swapped >= 8


def test_a_convolution_for_a_convolution_keeps_what_it_is() -> None:
    """The same kernel again changes nothing, whatever else the convolution does."""
    for name, size in (
        ("nano_robust_resnet_up_inverted_dw", 7),  # brings the channels to another width
        ("nano_robust_resnet_up_inverted_dw_reparam", 7),  # has parallel kernels
        ("nano_convnext", 7),
    ):
        with pytest.raises(IllegalStep, match="changes nothing"):
            parse_step(f"mixer=convolution:{size}").apply(SPECS[name])


def test_a_shared_mixer_stays_shared_when_it_is_swapped() -> None:
    spec = parse_step("sharing=on").apply(SPECS["nano_spach_mlp"])
    mixers = spatial_layers(network(parse_step("mixer=attention").apply(spec)))
    assert len(mixers) == 4
    assert len(set(map(id, mixers))) == 1


def test_sharing_shares_the_mixers_of_a_stage_and_nothing_else() -> None:
    shared = 0
    for name in NANOS:
        model = after(name, "sharing=on")
        if model is None:
            continue
        shared += 1
        plain = network(SPECS[name])
        mixers = spatial_layers(model)
        assert len(set(map(id, mixers))) < len(mixers) == len(spatial_layers(plain))
        for kind in (LayerScale, nn.BatchNorm2d, nn.LayerNorm):
            count, before = (
                sum(isinstance(m, kind) for m in network.modules()) for network in (model, plain)
            )
            assert count == before, (name, kind)
    assert shared >= 6


def test_a_bypass_stands_beside_every_block_or_none() -> None:
    for name in NANOS:
        for text, wanted in (("bypass=5", True), ("bypass=off", False)):
            model = after(name, text)
            if model is None:
                continue
            kernels = [
                m.kernel_size
                for where, m in model.named_modules()
                if where.endswith(".bypass") and isinstance(m, nn.Conv2d)
            ]
            assert kernels == [(5, 5)] * (sum(SPECS[name].depths) if wanted else 0), name


@pytest.mark.parametrize("text", ["fewer_activations", "activations=pointwise_in"])
def test_fewer_activations_are_one_where_a_block_had_more(text: str) -> None:
    for name in NANOS:
        model = after(name, text)
        if model is None:
            continue
        counts = Counter(
            tuple(where.split(".")[:4])  # stages.S.blocks.B
            for where, _ in activations(model)
            if ".blocks." in where and ".mixer." not in where
        )
        expected = 2 if "replknet" in name else 1  # one in each of its two branches
        assert set(counts.values()) == {expected}, name


def test_patches_of_another_size_leave_the_last_map_as_it_was_where_stages_can_make_up() -> None:
    for name in ("resnet50", "convnext_tiny", "replknet_31b", "robust_resnet_dw_small"):
        for size in (4, 8, 16):
            try:
                spec = parse_step(f"patch_size={size}").apply(SPECS[name])
            except IllegalStep:
                continue
            spec = replace(spec, depths=(1, 1, 1, 1), widths=(16, 32, 64, 128))
            with torch.device("meta"):
                model = build(spec, num_classes=3)
                sides = model.forward_features(torch.empty(1, 3, 224, 224)).shape[2:]
            assert tuple(sides) == (7, 7), (name, size)
            assert model.feature_info[-1]["reduction"] == 32


def test_parallel_kernels_merge_back_into_what_they_came_from() -> None:
    for name in NANOS:
        if name.endswith("_reparam") or after(name, "reparameterise=1") is None:
            continue
        parallel = parse_step("reparameterise=1").apply(SPECS[name])
        merged = parse_step("reparameterise=merged").apply(parallel)
        kinds = [branch.spatial for branch in merged.branches()]
        if "replknet" not in name:
            assert kinds == [branch.spatial for branch in SPECS[name].branches()]
        assert all(kind is None or kind.parallel_kernels is None for kind in kinds)


def test_a_norm_after_the_activation_stays_beside_parallel_kernels() -> None:
    """ConvMixer's batch norm follows its activation: it is no norm of the convolution."""
    spec = parse_step("reparameterise=3").apply(SPECS["nano_convmixer"])
    layer = network(spec).get_submodule("stages.0.blocks.0.0.layers.spatial")
    assert [name for name, _ in layer.named_children()] == ["conv", "act", "norm"]
    assert isinstance(layer.get_submodule("conv"), ParallelConv)
