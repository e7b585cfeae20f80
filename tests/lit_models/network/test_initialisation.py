"""Every parameter of every family starts as the public code of its study starts it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from types import MappingProxyType

import pytest
import torch
from torch import Tensor, nn

from lit_models import SPECS, START, TRAJECTORIES, build
from lit_models.families.convnext import isotropic
from lit_models.space.spec import Init
from tests.support.distributions import (
    Check,
    constant,
    fan_in,
    kaiming_fan_out,
    normal,
    pytorch_default,
    uniform,
    xavier,
)
from tests.support.narrowed import narrow

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
        "robust_resnet_": FAN_OUT,
        "robust_resnet_dw_small__scale": replace(FAN_OUT, gamma=1e-6),
        "resnet": replace(FAN_OUT, last_norm=0.0),
        "resnet50__torchvision": FAN_OUT,
        "resnet_": FAN_OUT,  # Robust-ResNet's baselines
        "spach_": SPACH,
        "convmixer_": DEFAULT,
        "replknet_": DEFAULT,
    }
)
EXAMPLES = (
    "resnet50",
    "resnet50__torchvision",
    "resnet_up_inverted_dw",
    "convnext_tiny",
    "convnext_tiny_k7_parallel5",
    "convnext_isotropic_small",
    "robust_resnet_dw_small",
    "robust_resnet_dw_small__scale",
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


NANO_STARTS = {"nano_convnext": (24, 96), "nano_convnext_isotropic": (64, 384)}


@pytest.mark.parametrize("name", [name for name in SPECS if name.startswith("nano_")])
def test_small_networks_start_as_suits_their_width_and_budget(name: str) -> None:
    """No layer scale to grow; weights whose gain, std^2 x width, is that of the paper's network."""
    spec = SPECS[name]
    assert {branch.layer_scale for branch in spec.branches()} == {None}
    assert (spec.init.scheme == "truncated_normal") == (name in NANO_STARTS)
    if name in NANO_STARTS:
        width, original = NANO_STARTS[name]
        assert spec.widths[0] == width
        assert spec.init.std**2 * width == pytest.approx(0.02**2 * original)


def test_the_small_trajectory_has_one_start_and_its_steps_edit_one_thing() -> None:
    nano, full = (TRAJECTORIES[name] for name in ("convnext_nano", "resnet50_to_convnext_t"))
    points = {name: nano.spec_after(name) for name in (START, *nano.by_name)}
    assert {spec.init for spec in points.values()} == {Init("xavier")}
    assert {branch.layer_scale for s in points.values() for branch in s.branches()} == {None}
    before = points["fewer_activations"]
    (branch,) = points["fewer_norms"].branches()
    norms_only = before.map_branches(lambda old: replace(old, norms=branch.norms))
    assert points["fewer_norms"] == norms_only
    assert full.start.init == Init(std=0.02)
    assert {b.layer_scale for b in full.spec_after("fewer_norms").branches()} == {1e-6}


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
