"""Every parameter of every family starts as the public code of its study starts it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from types import MappingProxyType

import pytest
import torch
from timm.layers import DropPath
from torch import Tensor, nn

from lit_models import SPECS, ArchSpec, build
from lit_models.blocks import Branch
from lit_models.families.convnext import isotropic
from tests.distributions import (
    Check,
    constant,
    fan_in,
    kaiming_fan_out,
    normal,
    norms,
    pytorch_default,
    uniform,
    xavier,
)

Rule = Callable[[Tensor], Check]


def _zero(_weight: Tensor) -> Check:
    return constant(0.0)


def _truncated(_weight: Tensor) -> Check:
    return normal(0.02)  # the cut at +-2 is a hundred standard deviations away


@dataclass(frozen=True)
class Start:
    """What a family's parameters start as; biases of a layer are judged by its weight."""

    conv: Rule  # larger than 1x1
    pointwise: Rule  # 1x1 convolutions and linear layers inside
    bias: Rule
    classifier: Rule
    classifier_bias: Rule
    gamma: float | None
    last_norm: float = 1.0  # the factor of the norm that ends a residual branch


CONVNEXT = Start(_truncated, _truncated, _zero, _truncated, _zero, gamma=1e-6)
FAN_OUT = Start(
    kaiming_fan_out, kaiming_fan_out, _zero, pytorch_default, pytorch_default, gamma=None
)
SPACH = Start(kaiming_fan_out, xavier, _zero, _zero, _zero, gamma=1e-4)
DEFAULT = Start(
    pytorch_default, pytorch_default, pytorch_default, pytorch_default, pytorch_default, gamma=None
)
FAMILIES: Mapping[str, Start] = MappingProxyType(
    {
        "convnext_": CONVNEXT,
        "convnext_isotropic_": replace(CONVNEXT, gamma=None),
        "robust_resnet_": replace(FAN_OUT, gamma=1e-6),
        "resnet": replace(FAN_OUT, last_norm=0.0),
        "spach_": SPACH,
        "convmixer_": DEFAULT,
        "replknet_": DEFAULT,
    }
)
EXAMPLES = (
    "resnet50",
    "resnet_up_inverted_dw",
    "convnext_tiny",
    "convnext_tiny_k7_parallel5",
    "convnext_isotropic_small",
    "robust_resnet_dw_small",
    "robust_resnet_inverted_dw_small",
    "robust_resnet_up_inverted_dw_small",
    "robust_resnet_down_inverted_dw_small",
    "spach_xxs_patch16_224_mlp",
    "spach_xxs_patch16_224_attn",
    "spach_xxs_patch16_224_mlp__shared",
    "spach_ms_xs_patch4_224_hybrid__conv4",
    "convmixer_1024_20",
    "convmixer_512_12_k8_p14",
    "replknet_31b",
    "replknet_31b_merged",
    "replknet_xl",
)


def start_of(name: str) -> Start:
    """What a network of this name starts as: the longest prefix decides."""
    return FAMILIES[max((prefix for prefix in FAMILIES if name.startswith(prefix)), key=len)]


def narrow(name: str) -> ArchSpec:
    """The named network, shallow and narrow, with enough values in a tensor to judge it by."""
    spec = SPECS[name]
    heads = [b.spatial.heads for b in spec.branches() if b.spatial and b.spatial.heads]
    width = 8 * heads[0] if heads else 24
    widths = tuple(width << stage for stage in range(len(spec.depths)))
    spec = replace(spec, widths=widths)
    if len(spec.blocks) in (1, len(spec.depths)):
        spec = replace(spec, depths=(2,) * len(spec.depths))
    return spec


def _ends_a_branch(name: str, model: nn.Module) -> bool:
    """Whether the norm is that of the last layer of a residual branch."""
    layer, _, leaf = name.rpartition(".")
    parent, _, last = layer.rpartition(".")
    if leaf != "norm" or not parent.endswith(".layers"):
        return False
    return [*dict(model.get_submodule(parent).named_children())][-1] == last


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_parameter_starts_as_in_the_public_code(name: str) -> None:
    start, model = start_of(name), build(narrow(name), num_classes=50, seed=0)
    seen: set[str] = set()
    for module_name, module in model.named_modules():
        for leaf, value in module.named_parameters(recurse=False):
            kind, check = _expected(start, module_name, module, leaf, model=model)
            check(f"{module_name}.{leaf}", value.detach())
            seen.add(kind)
    assert ("gamma" in seen) == (start.gamma is not None)
    assert {"conv", "classifier", "norm"} <= seen


def _expected(
    start: Start, name: str, module: nn.Module, leaf: str, *, model: nn.Module
) -> tuple[str, Check]:
    if leaf == "gamma":
        assert start.gamma is not None, name
        return "gamma", constant(start.gamma)
    if not isinstance(module, nn.Conv2d | nn.Linear):
        last = leaf == "weight" and _ends_a_branch(name, model)
        return "norm", constant(0.0 if leaf == "bias" else start.last_norm if last else 1.0)
    if name == "head.fc":
        rule = start.classifier if leaf == "weight" else start.classifier_bias
        return "classifier", rule(module.weight)
    if leaf == "bias":
        return "bias", start.bias(module.weight)
    if isinstance(module, nn.Linear) or module.kernel_size == (1, 1):
        return "pointwise", start.pointwise(module.weight)
    return "conv", start.conv(module.weight)


def test_fan_out_of_a_depthwise_convolution_counts_all_its_channels() -> None:
    """PyTorch's fan-out ignores groups, so that these convolutions start very small."""
    model = build(narrow("robust_resnet_inverted_dw_small"), seed=0)
    found = 0
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            normal(sqrt(2 / (module.out_channels * 7 * 7)))("depthwise", module.weight.detach())
            found += 1
    assert found == 8


def test_a_truncated_normal_is_cut_at_two_in_absolute_units() -> None:
    spec = narrow("convnext_tiny")
    wide = replace(spec, init=replace(spec.init, std=3.0))
    weight = build(wide, num_classes=50, seed=0).get_submodule("head.fc").weight.detach()  # type: ignore[operator]
    assert 1.99 < weight.abs().max() <= 2
    assert weight.abs().median() > 0.8  # nearly even between the cuts


def test_isotropic_layer_scales_are_a_choice() -> None:
    """None in the named networks; the released weights of L have them, from 1e-6."""
    assert "gamma" not in " ".join(build(narrow("convnext_isotropic_small")).state_dict())
    model = build(isotropic(2, width=8, drop_path_rate=0.0, layer_scale=1e-6), seed=0)
    scales = [v for key, v in model.state_dict().items() if key.endswith("gamma")]
    assert len(scales) == 2
    assert all(torch.equal(scale, torch.full_like(scale, 1e-6)) for scale in scales)


@pytest.mark.parametrize("name", ["spach_xxs_patch16_224_conv", "spach_ms_xs_patch4_224_hybrid"])
def test_a_fresh_spach_returns_zeros(name: str) -> None:
    model = build(narrow(name), num_classes=5, seed=0).eval()
    assert torch.equal(model(torch.randn(2, 3, 64, 64)), torch.zeros(2, 5))


def test_the_constructors_of_pytorch_are_what_the_default_scheme_repeats() -> None:
    torch.manual_seed(0)
    conv, linear = nn.Conv2d(24, 48, 5, groups=24), nn.Linear(40, 60)
    for layer in (conv, linear):
        bound = 1 / sqrt(fan_in(layer.weight))
        uniform(bound)("weight", layer.weight.detach())
        assert layer.bias is not None
        uniform(bound)("bias", layer.bias.detach())


def block_rates(spec: ArchSpec) -> list[list[float]]:
    """Drop path rates of every block of the built network, one a residual branch."""
    with torch.device("meta"):
        model = build(spec)
    stages = [stage.get_submodule("blocks") for stage in model.stages]
    return [
        [
            float(branch.drop_path.drop_prob)
            for branch in block.modules()
            if isinstance(branch, Branch)
            and len(branch.layers)  # one without layers has nothing to drop
            and isinstance(branch.drop_path, DropPath)
        ]
        for stage in stages
        for block in stage.children()
    ]


def _ramp(rate: float, blocks: int, *, branches: int = 1) -> list[list[float]]:
    """linspace(0, rate, blocks); a rate of 0 is no layer at all."""
    rates = [rate * index / (blocks - 1) for index in range(blocks)]
    return [[value] * branches if value else [] for value in rates]


def _near(found: list[list[float]], expected: list[list[float]]) -> None:
    assert [len(rates) for rates in found] == [len(rates) for rates in expected]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("convnext_tiny", 0.1),
        ("convnext_small", 0.4),
        ("convnext_base", 0.5),
        ("convnext_large", 0.5),
        ("convnext_xlarge", 0.2),
        ("convnext_isotropic_small", 0.1),
        ("convnext_isotropic_base", 0.2),
        ("convnext_isotropic_large", 0.5),
        ("robust_resnet_dw_small", 0.1),
        ("robust_resnet_down_inverted_dw_small", 0.1),
    ],
)
def test_drop_path_rises_over_all_blocks(name: str, rate: float) -> None:
    _near(block_rates(SPECS[name]), _ramp(rate, sum(SPECS[name].depths)))


@pytest.mark.parametrize(("name", "rate"), [("replknet_31b", 0.5), ("replknet_xl", 0.3)])
def test_a_large_kernel_and_the_layer_after_it_share_a_drop_path_rate(
    name: str, rate: float
) -> None:
    _near(block_rates(SPECS[name]), _ramp(rate, 24, branches=2))


def test_single_stage_spach_drops_all_blocks_alike_and_multi_stage_spach_does_not() -> None:
    mixed = SPECS["spach_xs_patch16_224_mlp"]
    _near(block_rates(mixed), [[0.1, 0.1]] * 24)
    _near(block_rates(SPECS["spach_xs_patch16_224_conv"]), [[0.1]] * 24)
    spec = SPECS["spach_ms_xs_patch4_224_attn"]
    ramp = _ramp(0.1, 22)
    # stage 1 has no spatial branch to drop
    _near(block_rates(spec), [*ramp[:3], *(2 * rates for rates in ramp[3:])])


@pytest.mark.parametrize("name", ["resnet50", "resnet_dw", "convmixer_768_32"])
def test_networks_without_drop_path(name: str) -> None:
    assert not any(block_rates(SPECS[name]))


def test_a_bypass_is_not_dropped() -> None:
    """With every residual branch dropped, a SPACH block still adds its 3x3 convolution."""
    spec = replace(narrow("spach_xxs_patch16_224_attn"), drop_path_rate=1 - 1e-9)
    model = build(spec, num_classes=5, seed=0).train()
    block = model.get_submodule("stages.0.blocks.0")
    x = torch.randn(2, spec.widths[0], 3, 3)
    weight, bias = (
        model.state_dict()[f"stages.0.blocks.0.0.bypass.{k}"] for k in ("weight", "bias")
    )
    bypass = torch.nn.functional.conv2d(x, weight, bias, padding=1, groups=spec.widths[0])
    with torch.no_grad():
        assert torch.allclose(block(x), x + bypass, atol=1e-6)
    assert bypass.abs().max() > 1e-2


@pytest.mark.parametrize("name", SPECS)
def test_norms_have_the_epsilons_of_the_public_code(name: str) -> None:
    """Logits in single precision cannot tell 1e-6 from 1e-5."""
    with torch.device("meta"):
        found = norms(build(SPECS[name]))
    for where, norm in found:
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            assert (norm.eps, norm.momentum) == (1e-5, 0.1), where
            assert norm.affine, where
            assert norm.track_running_stats, where
        elif isinstance(norm, nn.LayerNorm):
            assert norm.eps == 1e-6, where
        else:
            assert isinstance(norm, nn.GroupNorm)
            assert (norm.eps, norm.num_groups) == (1e-5, 1), where
    kinds = {type(norm) for _, norm in found}
    layers = sum(issubclass(kind, nn.LayerNorm) for kind in kinds)
    assert bool(layers) == ("convnext" in name or "spach" in name)
