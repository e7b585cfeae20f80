"""Re-parameterisation: a merged network is the same function with fewer layers."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lit_models import SPECS, ArchSpec, TrainingConfig, build
from lit_models.families.convnext import with_kernel
from lit_models.families.replknet import replknet
from lit_models.families.robust_resnet import REPARAMETERISED
from lit_models.network.backbone import Backbone
from lit_models.network.complexity import count
from lit_models.network.layers import ParallelConv
from lit_models.network.merging import for_inference, merge
from lit_models.space.spec import (
    Block,
    Branch,
    Downsample,
    IllegalSpec,
    Spatial,
    Stem,
    merged_spec,
)
from lit_models.training.ema import create_ema

DEPTHS, SIDE = (1, 1, 2, 1), 64
PARALLEL = "stages.0.blocks.0.0.layers.spatial.conv"


# The blocks of the second stage share their attention.
ATTENTION = Branch(("spatial",), Spatial("attention", None, heads=2, shared=True))


REPLKNET = replknet(DEPTHS, width=8, kernels=(31, 29, 27, 13))
NETWORKS = {
    "replknet 31b": REPLKNET,
    "replknet xl": replknet(DEPTHS, width=8, kernels=(27, 27, 27, 13), small=(), ratio=1.5),
    "two small kernels": replknet(DEPTHS, width=8, kernels=(13,) * 4, small=(7, 3, 1)),
    "convnext": replace(with_kernel(31, (5,)), depths=DEPTHS, widths=(8, 8, 16, 16)),
    "shared": replace(
        replknet((2, 2), width=8, kernels=(13, 13)),
        blocks=(REPLKNET.blocks[0], Block((ATTENTION,))),
    ),
    "blurred": replace(REPARAMETERISED["robust_resnet_dw_small_reparam"], blur_pool=True),
    **REPARAMETERISED,
}


def small(spec: ArchSpec) -> ArchSpec:
    """The network with few blocks and channels; a 16 x 16 stem has a 4 x 4 patch here."""
    layers = tuple(
        replace(c, kernel_size=4, stride=4) if c.stride == 16 else c for c in spec.stem.layers
    )
    widths = spec.widths if max(spec.widths) <= 64 else (8, 16, 32, 64)
    depths = spec.depths if sum(spec.depths) <= 8 else DEPTHS
    return replace(spec, depths=depths, widths=widths, stem=Stem(layers))


def shaken(spec: ArchSpec, *, seed: int = 0) -> Backbone:
    """A network in float64 and evaluation, no parameter or statistic near its initial value."""
    model = build(spec, num_classes=7).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.ndim > 1:  # as large as keeps the images apart through all layers
                value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
            elif value.is_floating_point():
                value.uniform_(0.5, 1.5, generator=generator)
    return model


def images(number: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(number, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_merged_network_computes_the_same(name: str) -> None:
    spec = small(NETWORKS[name])
    model = shaken(spec)
    before = weights(model)
    merged = merge(model)
    with torch.no_grad():
        features, ours = model.forward_features(images()), model(images())
        theirs, logits = merged.forward_features(images()), merged(images())
    torch.testing.assert_close(theirs, features, rtol=0, atol=1e-9)
    torch.testing.assert_close(logits, ours, rtol=0, atol=1e-9)
    assert (ours[0] - ours[1]).abs().max() > 1e-3  # there is something to tell apart
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert any(isinstance(module, ParallelConv) for module in model.modules())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_merged_network_is_the_network_of_the_merged_spec(name: str) -> None:
    spec = small(NETWORKS[name])
    merged = merge(shaken(spec))
    assert merged.spec == merged_spec(spec) != spec
    built = build(merged.spec, num_classes=7)
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (merged, built)]
    assert shapes[0] == shapes[1]
    assert sum(p.numel() for p in merged.parameters()) == sum(p.numel() for p in built.parameters())
    cost = count(merged.spec, image_size=SIDE, num_classes=7, in_chans=3)
    assert cost.params == sum(p.numel() for p in merged.parameters())
    assert (
        cost.gmacs < count(spec, image_size=SIDE, num_classes=7, in_chans=3).gmacs
        or name == "replknet xl"
    )
    with torch.no_grad():
        built.double().load_state_dict(merged.state_dict())
        torch.testing.assert_close(built.eval()(images()), merged(images()), rtol=0, atol=0)


def test_a_folded_norm_is_the_formula() -> None:
    model = shaken(small(NETWORKS["replknet xl"]))
    norm, kernel = PARALLEL + ".norms.0", model.get_parameter(PARALLEL + ".convs.0.weight")
    gamma, beta = (model.get_parameter(f"{norm}.{name}") for name in ("weight", "bias"))
    mean, variance = (model.get_buffer(f"{norm}.running_{name}") for name in ("mean", "var"))
    merged = merge(model)
    scale = gamma / (variance + 1e-5).sqrt()
    weight, bias = (merged.get_parameter(f"{PARALLEL}.{name}") for name in ("weight", "bias"))
    torch.testing.assert_close(weight, kernel * scale.view(-1, 1, 1, 1))
    torch.testing.assert_close(bias, beta - mean * scale)


def test_a_small_kernel_is_in_the_middle_of_the_large_one() -> None:
    model = shaken(small(NETWORKS["replknet 31b"]))
    with torch.no_grad():
        model.get_parameter(PARALLEL + ".convs.0.weight").zero_()
    weight = merge(model).get_parameter(PARALLEL + ".weight").abs()
    rows, columns = (weight.sum((0, 1, d)).nonzero().flatten().tolist() for d in (3, 2))
    assert rows == columns == [13, 14, 15, 16, 17]


def test_what_blocks_share_stays_shared() -> None:
    model = shaken(NETWORKS["shared"])
    merged = merge(model)
    mixers = [
        network.get_submodule(f"stages.1.blocks.{index}.0.layers.spatial.mixer")
        for network in (model, merged)
        for index in (0, 1)
    ]
    assert mixers[0] is mixers[1]
    assert mixers[2] is mixers[3]
    assert mixers[0] is not mixers[2]


def test_an_average_merges_with_its_own_statistics() -> None:
    model = shaken(REPLKNET)
    ema = create_ema(model, TrainingConfig(ema_decay=0.5, ema_warmup=False))
    assert ema is not None
    ema.update(model, step=1)
    model.load_state_dict(weights(shaken(REPLKNET, seed=3)))
    ema.update(model, step=2)
    averaged = ema.module
    assert isinstance(averaged, Backbone)
    with torch.no_grad():
        merged, ours = merge(averaged)(images()), averaged(images())
        torch.testing.assert_close(merged, ours, rtol=0, atol=1e-9)
        assert (merge(model)(images()) - merged).abs().max() > 1e-6


def test_training_mode_merges_the_running_statistics() -> None:
    model = shaken(REPLKNET)
    with torch.no_grad():
        expected = model(images())
        merged = merge(model.train())
        assert merged.training
        assert all(module.training for module in merged.modules())
        torch.testing.assert_close(merged.eval()(images()), expected, rtol=0, atol=1e-9)


def test_precision_layout_classifier_and_gradients_are_kept() -> None:
    model = build(REPLKNET, num_classes=7).to(torch.bfloat16)
    model.to(memory_format=torch.channels_last)
    model.reset_classifier(3, "max")
    merged = merge(model.requires_grad_(requires_grad=False))
    assert {p.dtype for p in merged.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in merged.parameters())
    assert merged.head.global_pool.pool_type == "max"
    assert merged.get_parameter("head.fc.weight").shape[0] == merged.num_classes == 3
    like = model.get_parameter(PARALLEL + ".convs.0.weight")
    assert merged.get_parameter(PARALLEL + ".weight").stride() == like.stride()


def test_float32_logits_agree_to_its_rounding() -> None:
    model = shaken(REPLKNET).float()
    with torch.no_grad():
        before, after = model(images().float()), merge(model)(images().float())
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_nothing_to_merge_is_said_or_left_alone() -> None:
    model = build(replace(SPECS["convnext_tiny"], depths=DEPTHS, widths=(8,) * 4), num_classes=7)
    with pytest.raises(ValueError, match=r"nothing to merge: .*parallel_kernels"):
        merge(model)
    with pytest.raises(ValueError, match="nothing to merge"):
        merge(merge(shaken(REPLKNET)))
    assert for_inference(model) is model
    assert merged_spec(model.spec) == model.spec
    other = nn.Linear(2, 2)
    assert for_inference(other) is other
    assert not any(isinstance(m, ParallelConv) for m in for_inference(shaken(REPLKNET)).modules())


@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 3), (5, 5)])
def test_a_parallel_kernel_that_tiles_the_map_is_refused(kernel_size: int, stride: int) -> None:
    """Alone it would have no padding, with parallel kernels it would: they are not one function."""
    block = with_kernel(kernel_size, (1,))
    with pytest.raises(IllegalSpec, match="tiles the map has no parallel"):
        replace(block, depths=DEPTHS, strides=(1, stride, 1, 1), downsample=Downsample())
