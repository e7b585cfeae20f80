"""Any legal subset of steps in any order is a network; backbones follow timm's conventions."""

from dataclasses import replace
from typing import Any

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.optim import create_optimizer_v2
from torch import nn

import lit_models.network.timm_models as registered
from lit_models import SPECS, TRAJECTORIES, ArchSpec, IllegalStep, build
from lit_models.families.convnext import CONVNEXT_BLOCK
from lit_models.network.backbone import drop_path_rates
from lit_models.network.layers import LayerScale
from lit_models.space.spec import Block, Branch, ConvLayer, Init, Spatial, Stem

NANO = TRAJECTORIES["convnext_nano"]
STEM = "stem.0.conv.weight"


def _legal(order: list[str]) -> ArchSpec | None:
    spec = NANO.start
    for name in order:
        try:
            spec = NANO.by_name[name].apply(spec)
        except IllegalStep:
            return None
    return spec


LEGAL_ORDERS = (
    st.lists(st.sampled_from(NANO.step_names), unique=True)
    .map(_legal)
    .filter(lambda spec: spec is not None)
)


@settings(max_examples=40)
@given(spec=LEGAL_ORDERS, size=st.sampled_from([16, 32, 45]))
def test_any_legal_order_of_any_legal_subset_is_a_network(spec: ArchSpec, size: int) -> None:
    model = build(spec, num_classes=5, in_chans=1, seed=0)
    logits = model(torch.randn(2, 1, size, size))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_initial_values_agree_wherever_name_and_shape_agree() -> None:
    before = None
    shared = 0
    for step in ("start", *NANO.step_names):
        after = build(NANO.spec_after(step), num_classes=5, seed=3).state_dict()
        for name, value in after.items():
            if before and name in before and before[name].shape == value.shape:
                # layer norm has no running statistics; every other shared value is a parameter
                assert torch.equal(before[name], value), (step, name)
                shared += 1
        before = after
    assert shared > 500


def test_the_seed_decides_and_nothing_else_does() -> None:
    spec = NANO.spec_after("bn_to_ln")
    weights = [build(spec, seed=seed).state_dict()[STEM] for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    torch.manual_seed(5)
    first = build(spec).state_dict()[STEM]
    torch.manual_seed(5)
    assert torch.equal(first, build(spec).state_dict()[STEM])


def test_initial_distributions() -> None:
    ends = build("convnext_tiny", seed=0), build("resnet50", seed=0)
    convnext, resnet = (end.state_dict() for end in ends)
    weight = convnext["stages.2.blocks.0.0.layers.pointwise_in.conv.weight"]
    assert weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert convnext["head.fc.bias"].abs().max() == 0
    scales = [m.gamma for m in ends[0].modules() if isinstance(m, LayerScale)]
    assert len(scales) == 18
    assert all(torch.equal(s, torch.full_like(s, 1e-6)) for s in scales)
    spatial = resnet["stages.1.blocks.1.0.layers.spatial.conv.weight"]
    assert spatial.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    last = [v for key, v in resnet.items() if key.endswith("pointwise_out.norm.weight")]
    others = [v for key, v in resnet.items() if key.endswith("spatial.norm.weight")]
    assert len(last) == len(others) == 16
    assert all(value.abs().max() == 0 for value in last)
    assert all(value.min() == 1 for value in others)


def test_norm_epsilons() -> None:
    eps = {module.eps for module in build("convnext_tiny").modules() if hasattr(module, "eps")}
    assert eps == {1e-6}
    eps = {module.eps for module in build("resnet50").modules() if hasattr(module, "eps")}
    assert eps == {1e-5}


def test_stochastic_depth_is_linear_over_all_blocks() -> None:
    spec = replace(SPECS["convnext_tiny"], drop_path_rate=0.17)
    assert drop_path_rates(spec) == pytest.approx([0.01 * index for index in range(18)])
    flat = replace(spec, drop_path_schedule="constant")
    assert drop_path_rates(flat) == (0.17,) * 18


def test_timm_conventions() -> None:
    model = build(
        NANO.spec_after("separate_downsampling"), num_classes=5, in_chans=1, seed=0
    ).eval()
    image = torch.randn(2, 1, 32, 32)
    features = model.forward_features(image)
    assert features.shape == (2, model.num_features, 2, 2)
    assert torch.equal(model.forward_head(features), model(image))
    assert model.forward_head(features, pre_logits=True).shape == (2, model.num_features)
    assert model.get_classifier() is model.head.fc
    plain = model(image)
    model.set_grad_checkpointing()
    model.train()
    assert torch.allclose(model(image), plain, atol=1e-5)  # no batch norm, no stochastic depth
    model.reset_classifier(3, "max")
    assert model(image).shape == (2, 3)
    model.reset_classifier(0)
    assert model(image).shape == (2, model.num_features)


@pytest.mark.parametrize("step", ["start", "bn_to_ln", "separate_downsampling"])
def test_timm_creates_extracts_and_optimises(step: str) -> None:
    name = f"{registered.PREFIX}convnext_nano_{step}"
    model = timm.create_model(name, num_classes=7, in_chans=1, drop_path_rate=0.1)
    assert model(torch.randn(2, 1, 32, 32)).shape == (2, 7)
    features: Any = timm.create_model(name, features_only=True, out_indices=(0, 2))
    maps = features(torch.randn(2, 3, 32, 32))
    assert [m.shape[1] for m in maps] == features.feature_info.channels()
    assert [32 // m.shape[2] for m in maps] == features.feature_info.reduction() == [4, 16]
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05, layer_decay=0.5)
    scales = sorted({group["lr_scale"] for group in optimizer.param_groups})
    assert scales[-1] == 1.0
    assert len(scales) == 1 + 5 + 1  # stem, five blocks, head
    decayed = [p for g in optimizer.param_groups if g["weight_decay"] for p in g["params"]]
    assert all(p.ndim > 1 for p in decayed)


def _taking(name: str, **options: Any) -> Any:
    return timm.create_model(name, num_classes=7, **options).eval()


@pytest.mark.parametrize("name", ["lit_nano_convnext", "lit_nano_resnet", "lit_nano_spach_ms_mlp"])
def test_intermediates_are_timms_features(name: str) -> None:
    images = torch.randn(2, 3, 32, 32)
    model = _taking(name)
    last, maps = model.forward_intermediates(images)
    assert torch.equal(last, model.forward_features(images))
    assert [m.shape[1] for m in maps] == [info["num_chs"] for info in model.feature_info]
    (only,) = model.forward_intermediates(
        images, indices=[1], stop_early=True, intermediates_only=True
    )
    assert torch.equal(only, maps[1])
    getter: Any = timm.create_model(
        name, features_only=True, feature_cls="getter", out_indices=(0, 1)
    )
    assert [m.shape for m in getter(images)] == [m.shape for m in maps[:2]]
    assert model.prune_intermediate_layers([1]) == [1]
    assert model(images).shape == maps[1].shape
    with pytest.raises(ValueError, match="NCHW"):
        model.forward_intermediates(images, output_fmt="NLC")


@pytest.mark.parametrize("classes", [0, 7])
def test_without_pooling_shapes_are_those_of_timms_convnext(classes: int) -> None:
    images = torch.randn(2, 3, 64, 64)
    options: dict[str, Any] = {"num_classes": classes, "global_pool": ""}
    theirs: Any = timm.create_model("convnext_tiny", depths=(1, 1, 1, 1), **options)
    ours: Any = timm.create_model("lit_convnext_tiny", **options)
    assert ours(images).shape == theirs(images).shape
    for model in (ours, theirs):
        model.reset_classifier(3, "avg")
    assert ours(images).shape == theirs(images).shape == (2, 3)


def test_pooling_that_doubles_the_channels() -> None:
    images = torch.randn(2, 3, 32, 32)
    assert _taking("lit_nano_resnet", global_pool="catavgmax")(images).shape == (2, 7)
    with pytest.raises(ValueError, match="doubles the channels"):
        _taking("lit_nano_convnext", global_pool="catavgmax")


def test_a_network_of_one_size_says_so_and_is_built_for_another() -> None:
    name = "lit_nano_spach_ms_mlp"
    assert timm.get_pretrained_cfg_value(name, "fixed_input_size")
    assert not timm.get_pretrained_cfg_value("lit_nano_convnext", "fixed_input_size")
    assert _taking(name, img_size=64)(torch.randn(2, 3, 64, 64)).shape == (2, 7)
    with pytest.raises(ValueError, match="only square images"):
        _taking(name, img_size=(32, 64))


def test_every_point_is_registered_and_pretrained_is_refused() -> None:
    names = registered.names()
    merged = 3  # forms without a name of their own: of nano_replknet and of the two up blocks
    assert len(names) == len(SPECS) + merged + 3 * (1 + 12 + 3)
    assert set(names) <= set(timm.list_models("lit_*"))
    with pytest.raises(ValueError, match="no pretrained weights"):
        timm.create_model("lit_resnet50", pretrained=True)


def test_unknown_network_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean convnext_tiny"):
        build("convnext_tinny")


def test_an_image_too_small_is_a_clear_error() -> None:
    from lit_models import count

    huge = replace(SPECS["convnext_tiny"], stem=Stem((ConvLayer(16, 16),)))
    with pytest.raises(ValueError, match="8 px image does not fit"):
        count(huge, image_size=8)


def test_another_family_is_one_constant() -> None:
    """ConvMixer (arXiv 2201.09792): activation before norm, two branches, one residual."""
    mixing = Branch(
        ("spatial",),
        Spatial("depthwise", 7),
        norms=frozenset({"spatial"}),
        activations=frozenset({"spatial"}),
    )
    channels = Branch(
        ("pointwise_out",),
        norms=frozenset({"pointwise_out"}),
        activations=frozenset({"pointwise_out"}),
        residual=False,
    )
    spec = ArchSpec(
        depths=(32,),
        widths=(768,),
        strides=(1,),
        width_is="block",
        blocks=(Block((mixing, channels)),),
        stem=Stem((ConvLayer(7, 7, norm=True, activation=True),)),
        norm_first=False,
        bias="always",
        init=Init(),
    )
    ours = build(spec, seed=0).eval()
    theirs = timm.create_model("convmixer_768_32").eval()
    values = iter(ours.state_dict().values())
    filled = {key: next(values) for key in theirs.state_dict()}
    theirs.load_state_dict(filled)
    image = torch.randn(1, 3, 56, 56)
    with torch.no_grad():
        assert torch.allclose(ours(image), theirs(image), atol=1e-5)


def test_pooling_stem_and_head_order() -> None:
    before = replace(
        SPECS["convnext_tiny"], head=replace(SPECS["convnext_tiny"].head, norm="before_pool")
    )
    model = build(before, num_classes=2)
    assert not isinstance(model.head.norm_before, nn.Identity)
    assert isinstance(model.head.norm, nn.Identity)
    assert isinstance(build("resnet50").stem[-1], nn.MaxPool2d)
    assert before.blocks[0] == CONVNEXT_BLOCK
