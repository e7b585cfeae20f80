"""`load_official`: every layout is recognised and fills the network, or nothing changes."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from lit_models import SPECS, ArchSpec, Backbone, build, load_official, parse_step
from lit_models.space.spec import Extra, ExtraOption
from lit_models.weights.official import fit, layouts_of
from lit_models.weights.unwrapping import unwrap
from tests.support.official_layouts import CASES, CLASSES, Case, State

IDS = list(CASES)


def network(case: Case) -> Backbone:
    return build(case.spec, num_classes=CLASSES, seed=0)


def values(state: Mapping[str, Tensor]) -> Counter[bytes]:
    return Counter(value.double().numpy().tobytes() for value in state.values())


def learned(state: State) -> list[str]:
    """The first, a middle and the last key that is no counter."""
    keys = [key for key in state if not key.endswith("num_batches_tracked")]
    return [keys[0], keys[len(keys) // 2], keys[-1]]


def refused(model: Backbone, state: Mapping[str, Any], reason: str) -> None:
    """The state dict is refused with the reason, and the model is as it was."""
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=reason):
        load_official(model, state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", IDS)
def test_every_tensor_arrives(name: str) -> None:
    model, state = network(CASES[name]), CASES[name].state()
    assert load_official(model, state) == CASES[name].layout
    assert values(model.state_dict()) == values(state)


def test_equal_shapes_arrive_in_order() -> None:
    model, state = network(CASES["spach_multi_hybrid_conv4"]), _multi()
    load_official(model, state)
    ours = model.state_dict()
    for index in range(3):
        assert torch.equal(
            ours[f"stem.{index}.conv.weight"], state[f"stem.proj.{3 * index}.weight"]
        )
        for leaf in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            expected = state[f"stem.proj.{3 * index + 1}.{leaf}"]
            assert torch.equal(ours[f"stem.{index}.norm.{leaf}"], expected)
    mixer = "stages.1.blocks.1.0.layers.spatial.mixer"
    assert torch.equal(ours[f"{mixer}.proj.bias"], state["layer2.2.spatial_func.proj.bias"])
    gamma = ours["stages.1.blocks.1.0.scale.gamma"]
    assert torch.equal(gamma, state["layer2.2.gamma_1"].flatten())


def _multi() -> State:
    return CASES["spach_multi_hybrid_conv4"].state()


@pytest.mark.parametrize("name", IDS)
def test_a_missing_weight_is_named_and_nothing_changes(name: str) -> None:
    model = network(CASES[name])
    for key in learned(CASES[name].state()):
        state = CASES[name].state()
        del state[key]
        # of a convolution alone in its module only the pattern of the layout is known
        named = r"stem\*\.\*\*\.weight" if key == "stem.proj.0.weight" else re.escape(key)
        reason = rf"these weights of {re.escape(CASES[name].layout)} .*1 missing: {named}"
        refused(model, state, reason)


def test_a_missing_weight_is_named_among_modules_of_equal_shapes() -> None:
    model = network(CASES["spach_multi_hybrid_conv4"])
    for key in ("stem.proj.1.weight", "stem.proj.4.running_var", "layer2.2.spatial_func.qkv.bias"):
        state = _multi()
        del state[key]
        refused(model, state, f"1 missing: {re.escape(key)}")


@pytest.mark.parametrize("name", IDS)
def test_a_weight_too_many_is_named_and_nothing_changes(name: str) -> None:
    model = network(CASES[name])
    refused(
        model, CASES[name].state() | {"extra.weight": torch.zeros(3)}, "1 left over: extra.weight"
    )


@pytest.mark.parametrize("name", IDS)
def test_a_misshapen_weight_is_named_with_both_shapes_and_nothing_changes(name: str) -> None:
    model = network(CASES[name])
    for key in learned(CASES[name].state()):
        state = CASES[name].state()
        found = state[key]
        state[key] = torch.cat([found, found[:1]])
        text = str(tuple(state[key].shape))
        refused(
            model, state, rf"1 misshapen: {key} has shape {re.escape(text)} and \(.*\) is needed"
        )


@pytest.mark.parametrize(("name", "other"), [*pairwise(IDS), (IDS[-1], IDS[0])])
def test_another_family_or_size_is_refused_and_nothing_changes(name: str, other: str) -> None:
    here, there = CASES[name], CASES[other]
    reason = (
        "do not fit this network: "
        if here.layout == there.layout
        else f"in the layout of {re.escape(there.layout)}, and this network has those of .*"
    )
    refused(network(here), there.state(), reason)


def test_a_transposed_depthwise_kernel_is_misshapen() -> None:
    state = CASES["convnext"].state()
    state["stages.0.0.dwconv.weight"] = state["stages.0.0.dwconv.weight"].transpose(0, 1)
    refused(network(CASES["convnext"]), state, r"has shape \(1, 4, 7, 7\) and \(4, 1, 7, 7\)")


def test_unknown_keys_are_shown_beside_the_layouts_that_the_network_has() -> None:
    state = {f"encoder.layer_{index}.kernel": torch.zeros(2) for index in range(9)}
    reason = "no layout that is known.*this project, .*official ConvMixer.*encoder.layer_0.kernel"
    refused(network(CASES["convmixer"]), state, reason)


def test_a_leaf_path_that_the_layout_leaves_open_may_be_any() -> None:
    for name, here, there in (
        ("robust_up", "stem.", "stem.conv."),
        ("robust_up", ".norm2.", ".norm1."),
        ("spach_single_shared_mlp", "stem.proj.", "stem."),
        ("spach_single_shared_mlp", "cpe_net.conv.", "cpe_net."),
        ("spach_multi_hybrid_conv4", "layer2.0.conv.", "layer2.0.reduction.0."),
        ("spach_multi_hybrid_conv4", "channel_func.", "channel_func.mlp."),
    ):
        model, state = network(CASES[name]), CASES[name].state()
        renamed = {key.replace(here, there): value for key, value in state.items()}
        assert renamed.keys() != state.keys()
        load_official(model, renamed)
        assert values(model.state_dict()) == values(state)


@pytest.mark.parametrize(
    ("without", "scaled", "gammas"),
    [("isotropic_no_gamma", "isotropic", 2), ("robust_up", "robust_up_scale", 4)],
)
def test_layer_scales_too_many_or_too_few_say_which_step_helps(
    without: str, scaled: str, gammas: int
) -> None:
    refused(
        network(CASES[without]),
        CASES[scaled].state(),
        rf"{gammas} left over: .*blocks\.0\.gamma.*the step layer_scale=1e-6 gives a network",
    )
    refused(
        network(CASES[scaled]),
        CASES[without].state(),
        rf"{gammas} missing: .*blocks\.0\.gamma.*the step layer_scale=off takes from a network",
    )
    step = parse_step("layer_scale=off")
    spec = step.apply(CASES[scaled].spec)
    load_official(build(spec, num_classes=CLASSES), CASES[without].state())


def test_the_released_robust_resnets_have_no_layer_scale() -> None:
    """Their training and validation commands pass 0, which means none."""
    names = [name for name in SPECS if "robust_resnet" in name]
    assert len(names) == 20
    for name in names:
        scales = {branch.layer_scale for branch in SPECS[name].branches()}
        assert scales == ({1e-6} if name.endswith("__scale") else {None}), name


def test_different_values_for_a_shared_mixer_are_refused() -> None:
    state = CASES["spach_single_shared_mlp"].state()
    key = "blocks.1.spatial_func.fc1.weight"
    state[key] = state[key] + 1
    reason = "different values: blocks.0.spatial_func.fc1.weight and blocks.1.*one tensor here"
    refused(network(CASES["spach_single_shared_mlp"]), state, reason)


WRAPPED: dict[str, Callable[[State], Mapping[str, Any]]] = {
    "model": lambda s: {"model": s, "epoch": 3},
    "state_dict": lambda s: {"state_dict": s, "args": object()},
    "model_ema": lambda s: {"model_ema": s},
    "model wins": lambda s: {"model_ema": {key: v + 1 for key, v in s.items()}, "model": s},
    "module.": lambda s: {f"module.{key}": value for key, value in s.items()},
    "both": lambda s: {"model": {f"module.{key}": value for key, value in s.items()}},
    "nested": lambda s: {"state_dict": {"model": {f"module.{key}": v for key, v in s.items()}}},
    "compiled": lambda s: {"state_dict": {f"_orig_mod.module.{key}": v for key, v in s.items()}},
}


@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize("name", ["convnext", "convmixer"])
def test_wrapped_keys_are_understood(name: str, wrapper: str) -> None:
    model, state = network(CASES[name]), CASES[name].state()
    assert load_official(model, WRAPPED[wrapper](state)) == CASES[name].layout
    assert values(model.state_dict()) == values(state)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "there are no weights in it"),
        ({"model": {}}, "there are no weights in it"),
        ({"epoch": 3}, "'epoch' is a int and no tensor"),
        ({"model": "resnet"}, "'model' is a str and no tensor"),
        (torch.nn.Identity(), "it is a Identity and no state dict"),
    ],
)
def test_what_is_no_state_dict_is_said(content: Mapping[str, Any], reason: str) -> None:
    refused(network(CASES["convmixer"]), content, reason)


def test_our_own_keys_are_a_layout_too_and_an_average_beside_them_is_left() -> None:
    source = network(CASES["replknet"])
    target = build(CASES["replknet"].spec, num_classes=CLASSES, seed=1)
    state = {f"backbone.{key}": value for key, value in source.state_dict().items()}
    average = {f"ema.module.{key}": value + 1 for key, value in source.state_dict().items()}
    assert load_official(target, {"state_dict": state | average}) == "this project"
    assert values(target.state_dict()) == values(source.state_dict())


def test_state_dicts_from_before_batches_were_counted_are_taken_as_they_are() -> None:
    model, state = network(CASES["convmixer"]), CASES["convmixer"].state()
    counters = [key for key in state if key.endswith("num_batches_tracked")]
    one_less = {key: value for key, value in state.items() if key != counters[0]}
    refused(model, one_less, f"1 missing: {counters[0]}")
    model.stem[0].norm.num_batches_tracked.fill_(9)  # type: ignore[union-attr, operator]
    load_official(model, {key: value for key, value in state.items() if key not in counters})
    assert int(model.state_dict()["stem.0.norm.num_batches_tracked"]) == 0


def test_tensors_without_values_are_refused() -> None:
    state = {key: value.to("meta") for key, value in CASES["convnext"].state().items()}
    refused(network(CASES["convnext"]), state, "meta device, which holds no values")


SETS: dict[str, Callable[[State, State], Mapping[str, Any]]] = {
    "published": lambda raw, mean: {"model": raw, "model_ema": mean},
    "timm": lambda raw, mean: {"state_dict_ema": mean, "state_dict": raw},
    "a run's": lambda raw, mean: {
        "state_dict": {f"backbone.{key}": value for key, value in raw.items()}
        | {f"ema.module.{key}": value for key, value in mean.items()}
    },
}


@pytest.mark.parametrize("kind", SETS)
def test_of_raw_and_averaged_weights_those_asked_for_are_taken_and_said(kind: str) -> None:
    raw = dict(network(CASES["convmixer"]).state_dict())
    mean = {key: value + 1 for key, value in raw.items()}
    for ema, expected, word in ((False, raw, "raw taken"), (True, mean, "averaged taken")):
        found = fit(network(CASES["convmixer"]), SETS[kind](raw, mean), ema=ema)
        assert values(found.tensors) == values(expected)
        assert found.said.startswith("it holds raw weights (")
        assert found.said.endswith(word)
    with pytest.raises(ValueError, match="no averaged weights in it"):
        fit(network(CASES["convmixer"]), {"model": raw}, ema=True)
    alone = fit(network(CASES["convmixer"]), {"model_ema": mean})
    assert "no raw ones: averaged taken" in alone.said


@pytest.mark.parametrize("prefix", ["model.", "net._orig_mod.", "module.", "lit.encoder."])
def test_a_prefix_of_every_key_is_found_and_said(prefix: str) -> None:
    state = CASES["convnext"].state()
    content = {"state_dict": {prefix + key: value for key, value in state.items()}}
    found = fit(network(CASES["convnext"]), content)
    assert values(found.tensors) == values(state)
    assert (repr(prefix) in found.said) == (prefix != "module.")


def test_a_prefix_of_most_keys_is_named() -> None:
    state = {f"net.{key}": value for key, value in CASES["convnext"].state().items()}
    reason = r"keys begin with 'net\.', a module around the network: save the state dict"
    refused(network(CASES["convnext"]), state | {"loss.weight": torch.zeros(3)}, reason)


def test_a_backbone_without_classifier_starts_like_one_of_other_classes() -> None:
    model, state = network(CASES["convnext"]), CASES["convnext"].state()
    headless = {key: value for key, value in state.items() if not key.startswith("head.")}
    refused(model, headless, "2 missing: head.weight")
    found = fit(model, headless, fresh_classifier=True)
    assert set(model.state_dict()) - set(found.tensors) == {"head.fc.weight", "head.fc.bias"}


def test_a_classifier_of_other_classes_may_stay_fresh() -> None:
    case = CASES["convnext"]
    model = build(case.spec, num_classes=CLASSES + 2, seed=0)
    refused(model, case.state(), r"2 misshapen: head.weight has shape \(5, 8\)")
    found = fit(model, case.state(), fresh_classifier=True)
    assert set(model.state_dict()) - set(found.tensors) == {"head.fc.weight", "head.fc.bias"}
    state = case.state()
    state["norm.weight"] = torch.zeros(9)
    with pytest.raises(ValueError, match=r"1 misshapen: norm\.weight"):
        fit(model, state, fresh_classifier=True)


def layouts(spec: ArchSpec) -> list[str]:
    with torch.device("meta"):
        return list(layouts_of(build(spec)))


def test_a_primitive_too_many_or_too_few_says_which_step_helps() -> None:
    spec = SPECS["nano_convnext"]
    plain, excited = (build(s, seed=0) for s in (spec, parse_step("extra=se").apply(spec)))
    refused(plain, excited.state_dict(), "left over: .*which the step extra=se gives a network")
    refused(excited, plain.state_dict(), "missing: .*which the step extra=se:off takes away")


def _with_extra(extra: Extra) -> ArchSpec:
    spec = SPECS["convnextv2_tiny"]
    return spec.map_branches(lambda branch: replace(branch, extras=(extra,)))


def test_the_layouts_of_a_network_come_from_its_keys() -> None:
    resnet = "timm's ResNet, which is also torchvision's"
    convnext = [
        "this project",
        "timm's ConvNeXt",
        "torchvision's ConvNeXt",
        "the official ConvNeXt",
    ]
    assert layouts(SPECS["resnet50"]) == ["this project", resnet]
    assert layouts(SPECS["convnext_tiny"]) == convnext
    v2 = ["this project", "timm's ConvNeXt V2", "the official ConvNeXt V2"]
    assert layouts(SPECS["convnextv2_tiny"]) == v2
    other = (ExtraOption("eps", 1e-3),)
    assert layouts(_with_extra(Extra("grn", "pointwise_in", other))) == ["this project"]
    assert layouts(_with_extra(Extra("grn", "pointwise_out"))) == ["this project"]
    assert layouts(SPECS["convnext_tiny_k31_parallel5"]) == ["this project"]
    assert layouts(SPECS["resnet_up_inverted_dw"]) == ["this project"]  # no ResNet's order


def test_blur_pool_is_in_no_original() -> None:
    assert layouts(replace(SPECS["resnet50"], blur_pool=True)) == ["this project"]


def test_unwrapping_keeps_the_order_of_keys() -> None:
    state = CASES["convmixer"].state()
    wrapped = {"model": {f"module.{key}": v for key, v in state.items()}}
    assert list(unwrap(wrapped).tensors) == list(state)
