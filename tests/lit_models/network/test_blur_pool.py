"""Blur pool: where the filter stands, what it computes, and what it leaves as it was."""

from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import BlurPool2d
from torch import nn
from torch.nn import functional

from lit_models import (
    SPECS,
    TRAJECTORIES,
    ArchSpec,
    IllegalSpec,
    IllegalStep,
    LitClassifier,
    TrainingConfig,
    build,
    count,
    difference,
    from_dict,
    from_timm,
    to_dict,
    to_timm,
)
from lit_models.network.layers import ConvNormAct
from lit_models.recipe.apply import apply_recipe
from lit_models.space.spec import BLURRED_CHANNELS, ConvLayer, Stem, strided_inputs
from lit_models.steps import macro
from lit_models.training.optimisation import create_optimizer
from tests.support.run_folders import CONVNEXT, NANO, RESNET

BLUR = macro.blur_pool()
BLURRED = BLUR.apply(SPECS["resnet50"])
BINOMIAL = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
FEW = CONVNEXT  # eight channels between its stages


def blurs(model: nn.Module) -> dict[str, BlurPool2d]:
    return {
        name: module for name, module in model.named_modules() if isinstance(module, BlurPool2d)
    }


def kernel(blur: BlurPool2d) -> torch.Tensor:
    return dict(blur.named_buffers())["filt"]


def test_the_blur_is_a_depthwise_binomial_convolution_with_zeros_around_the_image() -> None:
    layer = ConvNormAct(BLURRED, 32, 8, kernel_size=3, stride=2)
    images = torch.randn(2, 32, 9, 7, generator=torch.Generator().manual_seed(0))
    blurred = functional.conv2d(images, BINOMIAL.expand(32, 1, 3, 3), padding=1, groups=32)
    conv = layer.conv
    assert isinstance(conv, nn.Conv2d)
    expected = functional.conv2d(blurred, conv.weight, conv.bias, stride=2, padding=1)
    torch.testing.assert_close(layer(images), expected)
    assert not torch.allclose(layer.conv(images), expected)


def test_it_stands_before_the_six_strided_convolutions_of_a_resnet50_and_nowhere_else() -> None:
    with torch.device("meta"):
        model = build(BLURRED)
    assert {name: blur.channels for name, blur in blurs(model).items()} == {
        "stages.1.blocks.0.0.layers.spatial.blur": 128,
        "stages.1.blocks.0.0.shortcut.blur": 256,
        "stages.2.blocks.0.0.layers.spatial.blur": 256,
        "stages.2.blocks.0.0.shortcut.blur": 512,
        "stages.3.blocks.0.0.layers.spatial.blur": 512,
        "stages.3.blocks.0.0.shortcut.blur": 1024,
    }
    layer = model.get_submodule("stages.1.blocks.0.0.layers.spatial")
    assert [name for name, _ in layer.named_children()] == ["blur", "conv", "norm", "act"]


@pytest.mark.parametrize(("channels", "blurred"), [(3, False), (15, False), (16, True)])
def test_convolutions_with_few_input_channels_are_not_blurred(
    channels: int, *, blurred: bool
) -> None:
    layer = ConvNormAct(BLURRED, channels, 8, kernel_size=3, stride=2)
    assert bool(blurs(layer)) == blurred
    assert not blurs(ConvNormAct(BLURRED, channels, 8, kernel_size=3, stride=1))


@pytest.mark.parametrize("spec", [RESNET, NANO.spec_after("separate_downsampling"), NANO.start])
def test_parameters_and_state_are_those_of_the_network_without_it(spec: ArchSpec) -> None:
    plain, blurred = build(spec, seed=3), build(BLUR.apply(spec), seed=3)
    assert blurs(blurred)
    assert not blurs(plain)
    before, after = plain.state_dict(), blurred.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in blurred.named_parameters()]
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert not torch.allclose(plain.train()(image), blurred.train()(image))


def _with_steps(order: list[str]) -> ArchSpec | None:
    spec = NANO.start
    for name in order:
        try:
            spec = NANO.by_name[name].apply(spec)
        except IllegalStep:
            return None
    return spec


STEMS = st.sampled_from(
    [None, Stem((ConvLayer(3, 2, width=8), ConvLayer(3, 2, width=24), ConvLayer(3, 2)))]
)


@settings(max_examples=40)
@given(
    order=st.lists(st.sampled_from(NANO.step_names), unique=True),
    widths=st.sampled_from([(16, 32, 64), (4, 6, 16), (4, 4, 4)]),
    stem=STEMS,
)
def test_the_spec_knows_which_convolutions_of_its_network_are_blurred(
    order: list[str], widths: tuple[int, ...], stem: Stem | None
) -> None:
    spec = _with_steps(order)
    if spec is None:
        return
    spec = replace(spec, widths=widths, stem=stem or spec.stem)
    with torch.device("meta"):
        strided = [
            module.in_channels
            for name, module in build(spec).named_modules()
            if isinstance(module, nn.Conv2d) and module.stride != (1, 1) and name != "stem.0.conv"
        ]
        expected = [channels for channels in strided if channels >= BLURRED_CHANNELS]
        assert sorted(channels for channels in strided_inputs(spec) if channels) == sorted(strided)
        if not expected:
            with pytest.raises(IllegalStep, match="16 input channels or more"):
                BLUR.apply(spec)
            return
        found = [blur.channels for blur in blurs(build(BLUR.apply(spec))).values()]
    assert found == expected


def test_a_network_without_such_a_convolution_is_refused_with_the_reason() -> None:
    reason = "a stride and 16 input channels or more, and this network has none"
    with pytest.raises(IllegalSpec, match=reason):
        replace(FEW, blur_pool=True)
    with pytest.raises(IllegalStep, match=f"step 'blur_pool' cannot be applied: .*{reason}"):
        BLUR.apply(FEW)
    with pytest.raises(IllegalStep, match=reason):
        macro.widths(macro.Widths((8, 8, 8))).apply(
            BLUR.apply(NANO.spec_after("separate_downsampling"))
        )


def test_a_network_that_has_it_is_refused() -> None:
    with pytest.raises(IllegalStep, match="'blur_pool' changes nothing here"):
        BLUR.apply(BLURRED)


def test_it_is_part_of_the_spec_as_data() -> None:
    assert from_dict(to_dict(BLURRED)) == BLURRED
    assert difference(SPECS["resnet50"], BLURRED) == (("blur_pool", False, True),)


def test_the_buffer_moves_with_the_module_and_no_optimizer_has_it() -> None:
    model = build(BLUR.apply(RESNET), num_classes=10, in_chans=1, seed=0)
    (blur, *_) = blurs(model).values()
    assert not list(blur.parameters())
    optimizer = create_optimizer(model, TrainingConfig(optimizer="momentum", weight_decay=0.5))
    before = kernel(blur).clone()
    for _ in range(3):
        model(torch.randn(2, 1, 16, 16)).sum().backward()
        optimizer.step()
    assert torch.equal(kernel(blur), before)
    assert torch.equal(kernel(blur)[0, 0], BINOMIAL)
    assert model.double().to("meta") is model
    assert kernel(blur).dtype == torch.float64
    assert kernel(blur).is_meta


def test_channels_last_gives_the_same_values_and_stays_channels_last() -> None:
    plain, last = (
        build(BLUR.apply(RESNET), num_classes=10, in_chans=1, seed=0).eval() for _ in range(2)
    )
    last.to(memory_format=torch.channels_last)
    layouts = []
    for blur in blurs(last).values():
        blur.register_forward_hook(
            lambda _module, _inputs, out: layouts.append(
                out.is_contiguous(memory_format=torch.channels_last)
            )
        )
    images = torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = plain(images)
    torch.testing.assert_close(last(images.to(memory_format=torch.channels_last)), expected)
    assert layouts
    assert all(layouts)


def test_gmacs_and_activations_count_the_blurs_of_a_resnet50() -> None:
    plain, blurred = (count(spec, image_size=224) for spec in (SPECS["resnet50"], BLURRED))
    # values that are blurred: input of the strided 3x3 and of the projection, in three stages
    values = (128 + 256) * 56**2 + (256 + 512) * 28**2 + (512 + 1024) * 14**2
    assert blurred.params == plain.params
    assert blurred.gmacs - plain.gmacs == pytest.approx(values * 9 / 1e9, rel=1e-9)
    assert blurred.activations - plain.activations == values


def test_timm_has_no_such_network_and_says_why() -> None:
    model = build(BLURRED, num_classes=2)
    for carry in (lambda: to_timm(model), lambda: from_timm(model, {})):
        with pytest.raises(ValueError, match="timm's resnetblur50 the output of one whose stride"):
            carry()


def test_a_recipe_adds_it_to_the_spec_once() -> None:
    recipe = TrainingConfig(blur_pool=True, drop_path_rate=0.3)
    spec = TRAJECTORIES["resnet50_to_convnext_t"].start
    trained = apply_recipe(spec, recipe)
    assert trained == replace(spec, blur_pool=True, drop_path_rate=0.3)
    assert apply_recipe(trained, recipe) == trained
    assert apply_recipe(spec, TrainingConfig()) == spec
    assert apply_recipe(BLURRED, TrainingConfig()) == BLURRED
    with pytest.raises(IllegalSpec, match="blur pool needs"):
        apply_recipe(FEW, recipe)


def test_a_classifier_trains_the_blurred_network() -> None:
    config = asdict(TrainingConfig(blur_pool=True, ema_decay=0.9))
    modules = [
        LitClassifier(to_dict(RESNET), values, num_classes=10, in_chans=1, seed=0)
        for values in (config, {**config, "blur_pool": False})
    ]
    blurred, plain = modules
    assert isinstance(plain.spec, ArchSpec)
    assert blurred.spec == replace(plain.spec, blur_pool=True)
    assert blurs(blurred.backbone)
    assert blurred.ema is not None
    assert len(blurs(blurred.ema.module)) == len(blurs(blurred.backbone))
    assert LitClassifier(**blurred.hparams).spec == blurred.spec
    assert list(blurred.state_dict()) == list(plain.state_dict())
