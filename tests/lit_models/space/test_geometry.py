"""Sides of maps as the networks have them, and kernels that are larger than sense."""

import pytest
import torch
from torch import nn

from lit_models import SPECS, build, parse_step
from lit_models.space.geometry import block_sides, oversized_kernels

NAMES = (
    "resnet50",
    "convnext_tiny",
    "robust_resnet_down_inverted_dw_small",
    "resnet_up_inverted_dw",
    "spach_ms_s_patch4_224_hybrid__conv4",
    "convmixer_512_12_k8_p14",
    "replknet_31b",
    "nano_robust_resnet_down_inverted_dw",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [224, 180])
def test_sides_are_those_that_the_blocks_see(name: str, size: int) -> None:
    seen: list[int] = []

    def record(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.append(inputs[0].shape[-1])

    with torch.device("meta"):
        network = build(name).eval()
        for stage in network.stages:
            for block in stage.get_submodule("blocks").children():
                block.register_forward_pre_hook(record)
        network(torch.empty(1, 3, size, size))
    assert [side for _, _, side in block_sides(SPECS[name], size)] == seen


def test_weights_are_wasted_that_no_position_can_use() -> None:
    waste = oversized_kernels(SPECS["convnext_tiny_k51"], 224)
    assert [(w.stage, w.side) for w in waste] == [(3, 14), (4, 7)]
    # by hand: on a 7x7 map offsets go from -6 to 6, so 13 of 51 rows and columns are of use
    assert waste[1].share == pytest.approx(1 - (13 * 13) / (51 * 51))
    assert "only the central 13x13 ever meets the map" in waste[1].sentence
    assert "94% of their weights are wasted" in waste[1].sentence


def test_a_wasted_weight_has_no_gradient_and_others_have() -> None:
    network = build("nano_convnext", seed=0)
    side = 3  # of the last maps at 24 px: a 7x7 kernel reaches 5x5
    assert [w.side for w in oversized_kernels(SPECS["nano_convnext"], 24)] == [side]
    network(torch.randn(2, 3, 24, 24)).sum().backward()
    kernel = network.get_parameter("stages.2.blocks.0.0.layers.spatial.conv.weight")
    assert kernel.grad is not None
    assert (kernel.grad[..., 0, :] == 0).all()
    assert (kernel.grad[..., 1:-1, 1:-1] != 0).any(0).all()


def test_the_named_networks_waste_nothing_at_their_size_but_the_largest_kernels() -> None:
    large = {name for name, spec in SPECS.items() if oversized_kernels(spec, 224)}
    assert large == {f"convnext_tiny_k{k}{p}" for k in (31, 51) for p in ("", "_parallel5")}
    small = (spec for name, spec in SPECS.items() if name.startswith("nano_"))
    assert not [spec for spec in small if oversized_kernels(spec, 32)]


def test_a_map_that_is_gone_has_no_kernels_that_are_too_large() -> None:
    gone = parse_step("patch_size=1000").apply(SPECS["nano_convnext"])
    assert {side for _, _, side in block_sides(gone, 28)} == {0}
    assert oversized_kernels(gone, 28) == ()
