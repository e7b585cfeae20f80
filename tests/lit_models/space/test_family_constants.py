"""Drop path rates, epsilons and momenta of every family are those of its public code."""

from dataclasses import replace

import pytest
import torch
from timm.layers import DropPath
from torch import nn

from lit_models import SPECS, ArchSpec, build
from lit_models.network.blocks import Branch
from tests.support.distributions import norms
from tests.support.narrowed import narrow


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
