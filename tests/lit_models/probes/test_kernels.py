"""Kernel attention distance, by hand and against what a convolution does to one bright pixel."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lit_models.families.nano import NANOS
from lit_models.probes.anatomy import anatomy
from lit_models.probes.kernels import (
    DepthwiseKernel,
    attention_distance,
    depthwise_kernels,
    uniform_distance,
)
from lit_models.probes.parts import Part
from tests.lit_models.probes.made import lively

# mean distance to the middle of a k x k grid, by a loop over it
UNIFORM = {3: 1.073, 5: 1.8744, 7: 2.6525, 9: 3.4242, 11: 4.1933, 13: 4.9611, 31: 11.8556}


def kernel(weight: Tensor, *, dilation: tuple[int, int] = (1, 1)) -> DepthwiseKernel:
    return DepthwiseKernel(1, 0, weight.double(), dilation)


@pytest.mark.parametrize(("size", "expected"), UNIFORM.items())
def test_a_uniform_kernel(size: int, expected: float) -> None:
    same = kernel(torch.full((1, size, size), -0.3))
    assert attention_distance(same)[0].item() == pytest.approx(expected, abs=5e-4)
    assert uniform_distance(same) == pytest.approx(expected, abs=5e-4)


def test_a_delta_in_the_middle_is_at_0_and_one_in_a_corner_at_the_diagonal() -> None:
    middle, corner = torch.zeros(5, 5), torch.zeros(5, 5)
    middle[2, 2], corner[0, 4] = 3.0, -2.0
    mean, raw = attention_distance(kernel(torch.stack([middle, corner])))
    torch.testing.assert_close(mean, torch.tensor([0, 2 * 2**0.5]).double())
    torch.testing.assert_close(raw, torch.tensor([0, 4 * 2**0.5]).double())


def test_it_knows_no_scale_but_its_raw_form_does() -> None:
    weight = torch.randn(4, 7, 7, generator=torch.Generator().manual_seed(0))
    mean, raw = attention_distance(kernel(weight))
    scaled, raw_of_scaled = attention_distance(kernel(-5 * weight))
    torch.testing.assert_close(scaled, mean)
    torch.testing.assert_close(raw_of_scaled, 5 * raw)


def test_a_channel_without_weight_has_none() -> None:
    mean, raw = attention_distance(kernel(torch.stack([torch.zeros(3, 3), torch.ones(3, 3)])))
    assert mean.isnan().tolist() == [True, False]
    assert raw[0] == 0


def test_even_kernels_have_their_middle_between_weights_and_dilated_ones_are_larger() -> None:
    even = kernel(torch.ones(1, 2, 2))
    assert attention_distance(even)[0].item() == pytest.approx(0.5**0.5)
    weight = torch.rand(2, 3, 3)
    once, twice = kernel(weight), kernel(weight, dilation=(2, 2))
    torch.testing.assert_close(attention_distance(twice)[0], 2 * attention_distance(once)[0])
    assert uniform_distance(twice) == pytest.approx(2 * uniform_distance(once))


@pytest.mark.parametrize("name", ["nano_replknet", "nano_robust_resnet_up_inverted_dw_reparam"])
def test_parallel_kernels_are_what_they_do_together(name: str) -> None:
    network = lively(name)
    by_block = {found.block: found for found in depthwise_kernels(network)}
    assert sorted(by_block) == list(range(len(anatomy(network).blocks)))
    for position, part in enumerate(anatomy(network).blocks):
        layer = first_branch(part).layers.spatial.conv
        found = impulse_response(layer, stride=network.spec.block_stride(part.stage - 1, 0))
        if found is not None:
            torch.testing.assert_close(by_block[position].weight.float(), found)


def test_the_norm_behind_a_convolution_scales_its_kernel() -> None:
    network = lively("nano_robust_resnet_up_inverted_dw")  # its first layer, with a norm behind
    layer = first_branch(anatomy(network).blocks[0]).layers.spatial
    found = impulse_response(nn.Sequential(layer.conv, layer.norm), stride=1)
    assert found is not None
    kernels = depthwise_kernels(network)
    torch.testing.assert_close(kernels[0].weight.float(), found)
    assert not torch.allclose(kernels[0].weight.float(), layer.conv.weight.squeeze(1))


def impulse_response(layer: nn.Module, *, stride: int) -> Tensor | None:
    """The kernel (C, k, k) that a module of stride 1 applies: what it makes of one bright pixel."""
    if stride != 1:
        return None
    convs = [each for each in layer.modules() if isinstance(each, nn.Conv2d)]
    size, channels = max(each.kernel_size[0] for each in convs), convs[0].in_channels
    dark = torch.zeros(1, channels, 2 * size - 1, 2 * size - 1)
    bright = dark.clone()
    bright[..., size - 1, size - 1] = 1
    with torch.inference_mode():
        response = (layer(bright) - layer(dark))[0]
    margin = (response.shape[-1] - size) // 2
    kernels: Tensor = response[:, margin : margin + size, margin : margin + size].flip(1, 2)
    return kernels


def first_branch(part: Part) -> Any:
    return next(part.module.children())


def test_a_kernel_that_blocks_share_is_there_once() -> None:
    network = lively("nano_convnext_isotropic")
    first, second, *_ = (first_branch(part).layers.spatial for part in anatomy(network).blocks)
    second.conv = first.conv
    assert [found.block for found in depthwise_kernels(network)] == [0, 2, 3]


@pytest.mark.parametrize("name", [*NANOS, "timm/test_convnext"])
def test_every_family(name: str) -> None:
    network = lively(name)
    found = depthwise_kernels(network)
    # dense 3x3 convolutions are no depthwise ones; every other family mixes positions by these
    assert bool(found) == (name != "nano_resnet")
    for each in found:
        mean, _ = attention_distance(each)
        assert (mean > 0).all()
        assert (mean < 2**0.5 * (each.weight.shape[-1] // 2 + 1)).all()


def test_attention_has_no_kernels() -> None:
    assert depthwise_kernels(lively("timm/test_vit")) == ()
