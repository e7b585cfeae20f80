"""Gradients and merged kernels agree with the official networks, which see all their weights."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lit_models import SPECS, merge
from tests.support.official_forward.draw import BUFFERS
from tests.support.official_forward.named import forward, named, random_state
from tests.support.official_forward.replknet import RepLKNet
from tests.support.official_pairs import ONE_A_FAMILY, directions, images, loaded, narrow
from tests.support.systems import SYSTEMS


@pytest.mark.parametrize("name", [*ONE_A_FAMILY, "convnextv2_atto"])
def test_gradients_agree_too(name: str) -> None:
    """Of the image, element by element, and the length of that of all weights together."""
    config = narrow(named()[name])
    state, inputs = random_state(config), images(config)
    weights = directions()
    model = loaded(SPECS[name], config, state)
    once = {id(v): v for k, v in state.items() if not k.endswith(BUFFERS)}
    for value in once.values():
        value.requires_grad_()
    inputs.requires_grad_()
    found, expected = (
        torch.autograd.grad((logits * weights).sum(), [inputs, *learned])
        for logits, learned in (
            (model(inputs), list(model.parameters())),
            (forward(state, inputs, config), list(once.values())),
        )
    )
    assert len(found) == len(expected)
    assert (found[0] - expected[0]).abs().max() < 1e-9
    ratio = _length(found[1:]) / _length(expected[1:])
    assert abs(ratio - 1) < 1e-12


@pytest.mark.parametrize("name", [*ONE_A_FAMILY, "convnextv2_atto"])
@torch.no_grad()
def test_one_image_on_one_thread_is_no_exception(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our layers lay their maps out in another way then."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    config = narrow(named()[name])
    state, inputs = random_state(config), images(config)[:1]
    found = loaded(SPECS[name], config, state)(inputs)
    assert (found - forward(state, inputs, config)).abs().max() < 1e-9


def _length(gradients: Sequence[Tensor]) -> Tensor:
    norms = torch.stack([gradient.norm() for gradient in gradients])
    length: Tensor = torch.linalg.vector_norm(norms)
    return length


# one name for those that differ in their widths alone
DIFFERENT = {narrow(config): name for name, config in named().items() if name in SYSTEMS}


@pytest.mark.parametrize("name", DIFFERENT.values())
def test_the_comparison_sees_every_tensor(name: str) -> None:
    """A change of 1 % of any one tensor moves the logits by far more than they may differ."""
    config = narrow(named()[name])
    state = random_state(config)
    values = {key: value for key, value in state.items() if value.is_floating_point()}
    for value in values.values():
        value.requires_grad_()
    weights = directions()
    logits = (forward(state, images(config), config) * weights).sum()
    different = {id(value): value for value in values.values()}  # shared ones once
    found = torch.autograd.grad(logits, list(different.values()))
    slopes = dict(zip(different, found, strict=True))
    if name.endswith("__noscale"):  # shifts all channels of a token alike: the last norm undoes it
        del values["blocks.23.spatial_func.fc2.bias"]
    for key, value in values.items():
        assert 0.01 * (slopes[id(value)] * value).norm() > 1e-7, key


def merged_state(state: dict[str, Tensor], config: RepLKNet) -> dict[str, Tensor]:
    """The state dict of the merged network, by the study's rule, from that of the training form."""
    merged = {key: value for key, value in state.items() if ".large_kernel." not in key}
    for key in state:
        if not key.endswith("lkb_origin.conv.weight"):
            continue
        block = key.removesuffix(".lkb_origin.conv.weight")
        weight, bias = _folded(state, f"{block}.lkb_origin")
        if config.small_kernel is not None:
            small, offset = _folded(state, f"{block}.small_conv")
            margin = (weight.shape[-1] - config.small_kernel) // 2
            weight = weight + torch.nn.functional.pad(small, (margin,) * 4)
            bias = bias + offset
        merged[f"{block}.lkb_reparam.weight"], merged[f"{block}.lkb_reparam.bias"] = weight, bias
    return merged


def _folded(state: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """A convolution with its batch norm as one weight and bias."""
    factor = state[f"{name}.bn.weight"] / torch.sqrt(state[f"{name}.bn.running_var"] + 1e-5)
    bias = state[f"{name}.bn.bias"] - state[f"{name}.bn.running_mean"] * factor
    return state[f"{name}.conv.weight"] * factor.view(-1, 1, 1, 1), bias


@pytest.mark.parametrize("name", ["replknet_31b", "replknet_xl"])
@torch.no_grad()
def test_merged_networks_compute_what_the_training_form_does(name: str) -> None:
    config = narrow(named()[name])
    assert isinstance(config, RepLKNet)
    state, inputs = random_state(config), images(config)
    expected = forward(state, inputs, config)
    official = merged_state(state, config)
    after = forward(official, inputs, replace(config, merged=True))
    assert (after - expected).abs().max() < 1e-9  # the rule itself
    trained = loaded(SPECS[name], config, state)
    official_form = loaded(SPECS[f"{name}_merged"], config, official)
    for model in (merge(trained), official_form):
        assert (model(inputs) - expected).abs().max() < 1e-9
        assert not any("norms" in key for key in model.state_dict())
