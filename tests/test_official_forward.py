"""Our networks compute what the networks of the studies compute, in float64, to 1e-9.

The other side is `tests.official_forward`: functions over official state dicts that share no code
with `lit_models`. Every named network is compared at its full depth and with its own kernels,
heads and mixers; only widths and images are small.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lit_models import SPECS, ArchSpec, build, load_official
from lit_models.families.convnext import isotropic
from lit_models.merge import merge
from lit_models.spec import Branch
from tests.official_forward.convmixer import ConvMixer
from tests.official_forward.convnext import ConvNeXt
from tests.official_forward.draw import parameters
from tests.official_forward.named import Config, forward, named, random_state
from tests.official_forward.replknet import RepLKNet
from tests.official_forward.robust_resnet import RobustResNet
from tests.official_forward.spach import Names, Spach
from tests.systems import SYSTEMS

CLASSES = 7
ONE_A_FAMILY = (
    "convnext_tiny",
    "robust_resnet_up_inverted_dw_small",
    "spach_ms_xxs_patch4_224_attn",
    "convmixer_1024_20",
    "replknet_31b",
)


def narrow(config: Config) -> Config:
    """The network with few channels, few classes and, where it has one, a small image size."""
    match config:
        case ConvMixer():
            return replace(config, dim=8, num_classes=CLASSES)
        case Spach():
            return replace(config, dim=4 * config.heads, image_size=64, num_classes=CLASSES)
        case ConvNeXt() | RepLKNet() | RobustResNet():
            dims = tuple(8 << stage for stage in range(len(config.dims)))
            return replace(config, dims=dims, num_classes=CLASSES)


def widths(config: Config) -> tuple[int, ...]:
    """Channels of every stage."""
    match config:
        case ConvMixer():
            return (config.dim,)
        case Spach():
            return tuple(config.dim << stage for stage in range(len(config.arch)))
        case ConvNeXt() | RepLKNet() | RobustResNet():
            return config.dims


def side(config: Config) -> int:
    """Side of the images that a narrow network sees: maps of 2 positions or more at the end."""
    match config:
        case ConvMixer():
            return 4 * config.patch_size
        case Spach():
            return config.image_size
        case ConvNeXt():
            return 32 if config.isotropic else 64
        case RobustResNet() | RepLKNet():
            return 64


def ours(spec: ArchSpec, config: Config) -> ArchSpec:
    """Our network with the channels and the image size of the narrow official one."""
    image_size = None if spec.image_size is None else side(config)
    return replace(spec, widths=widths(config), image_size=image_size)


def images(config: Config) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    size = side(config)
    return torch.randn(2, 3, size, size, dtype=torch.float64, generator=generator)


@torch.no_grad()
def difference(spec: ArchSpec, config: Config, *, seed: int = 0) -> float:
    """Largest difference of the logits, which are checked to depend on the image and the class."""
    state, inputs = random_state(config, seed=seed), images(config)
    model = build(ours(spec, config), num_classes=CLASSES, seed=0).double().eval()
    load_official(model, state)
    found, expected = model(inputs), forward(state, inputs, config)
    assert found.shape == expected.shape == (2, CLASSES)
    assert found.std(1).min() > 1e-2, "the classes differ"
    assert (found[0] - found[1]).abs().max() > 1e-3, "the images differ"
    return float((found - expected).abs().max())


@pytest.mark.parametrize("name", SYSTEMS)
def test_named_networks_compute_what_the_official_ones_do(name: str) -> None:
    assert difference(SPECS[name], narrow(named()[name])) < 1e-9


def _mixing(spec: ArchSpec, **changes: object) -> ArchSpec:
    """The spatial branches of a SPACH network edited; 'pass' branches keep what they can."""

    def edit(branch: Branch) -> Branch:
        if branch.spatial is None:
            return branch
        return replace(branch, **changes)  # type: ignore[arg-type]

    return spec.map_branches(edit)


def _shared(spec: ArchSpec) -> ArchSpec:
    def edit(branch: Branch) -> Branch:
        spatial = branch.spatial
        return branch if spatial is None else replace(branch, spatial=replace(spatial, shared=True))

    return spec.map_branches(edit)


def test_combinations_that_no_name_has() -> None:
    config = narrow(named()["convnext_isotropic_small"])
    assert isinstance(config, ConvNeXt)
    scaled = isotropic(18, width=384, drop_path_rate=0.1, layer_scale=1e-6)
    assert difference(scaled, replace(config, layer_scale=True)) < 1e-9
    name = "spach_ms_xs_patch4_224_hybrid"
    shared, config = _shared(SPECS[name]), narrow(named()[name])
    assert isinstance(config, Spach)
    assert difference(shared, replace(config, shared=True)) < 1e-9
    unscaled = _mixing(shared, layer_scale=None)
    assert difference(unscaled, replace(config, shared=True, scaled=False)) < 1e-9
    name = "spach_ms_xxs_patch4_224_attn"
    shared, config = _shared(SPECS[name]), narrow(named()[name])
    assert isinstance(config, Spach)
    assert difference(shared, replace(config, shared=True)) < 1e-9


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_comparison_sees_every_tensor(name: str) -> None:
    """A change of 1 % of any one tensor moves the logits by far more than they may differ."""
    config = narrow(named()[name])
    state = random_state(config)
    values = {key: value for key, value in state.items() if value.is_floating_point()}
    for value in values.values():
        value.requires_grad_()
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(2, CLASSES, dtype=torch.float64, generator=generator)
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
    trained = build(ours(SPECS[name], config), num_classes=CLASSES, seed=0).double().eval()
    load_official(trained, state)
    loaded = build(ours(SPECS[f"{name}_merged"], config), num_classes=CLASSES, seed=0)
    load_official(loaded.double().eval(), official)
    for model in (merge(trained), loaded):
        assert (model(inputs) - expected).abs().max() < 1e-9
        assert not any("norms" in key for key in model.state_dict())


@pytest.mark.parametrize("name", ["spach_xxs_patch16_224_mlp__conv4", "spach_ms_s_patch4_224_attn"])
def test_leaf_names_that_are_a_reading_of_ours_may_be_others(name: str) -> None:
    config = narrow(named()[name])
    assert isinstance(config, Spach)
    names = Names(stem="stem.layers", bypass="cpe_net.dwconv")
    assert difference(SPECS[name], replace(config, names=names)) < 1e-9


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_other_side_has_the_parameters_of_the_public_code(name: str) -> None:
    assert parameters(random_state(named()[name], device="meta")) == SYSTEMS[name]["params"]


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_the_other_side_has_the_multiply_adds_of_the_public_code(name: str) -> None:
    config = named()[name]
    image = torch.empty(1, 3, 224, 224, dtype=torch.float64, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward(random_state(config, device="meta"), image, config)
    assert counter.get_total_flops() // 2 == SYSTEMS[name]["macs"]
