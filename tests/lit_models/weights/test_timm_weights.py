"""With timm's weights carried over logits agree, both ways, and errors change nothing."""

from dataclasses import dataclass, replace

import pytest
import timm
import torch
from torch import Tensor, nn

from lit_models import (
    SPECS,
    TRAJECTORIES,
    ArchSpec,
    Backbone,
    build,
    from_timm,
    load_official,
    parse_step,
)
from lit_models.families.convnext_v2 import CONVNEXTS_V2
from lit_models.weights.key_match import match, problems
from lit_models.weights.official import layouts_of
from lit_models.weights.timm_weights import to_timm


@dataclass(frozen=True)
class Pair:
    """A network of ours and timm's, perhaps less deep than under its name, and an image's side."""

    name: str
    side: int = 64
    depth: int | None = None  # of ConvMixer

    def ours(self) -> ArchSpec:
        spec = SPECS[self.name]
        return spec if self.depth is None else replace(spec, depths=(self.depth,))

    def theirs(self) -> nn.Module:
        network = timm.create_model(self.name)
        if self.depth is not None:
            blocks = network.blocks
            assert isinstance(blocks, nn.Sequential)
            network.blocks = blocks[: self.depth]
        return network


PAIRS = (
    Pair("resnet50"),
    Pair("convnext_tiny"),
    Pair("convnextv2_atto"),
    Pair("convnextv2_tiny"),
    Pair("convmixer_768_32", side=35, depth=3),
    Pair("convmixer_1536_20", side=35, depth=2),
    Pair("convmixer_1024_20_ks9_p14", side=56, depth=2),
)
# timm's name for what is convmixer_1024_20 here, as in the paper
OURS = {"convmixer_1024_20_ks9_p14": "convmixer_1024_20"}
BY_KEYS = (
    *("resnet50", "resnet101", "resnet152", "resnet200"),
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large", "convnext_xlarge"),
    *CONVNEXTS_V2,
    *("convmixer_768_32", "convmixer_1536_20", "convmixer_1024_20_ks9_p14"),
)


def _shake(model: nn.Module) -> nn.Module:
    """Move every norm, scale, bias and statistic away from its initial value."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise * 0.1 if parameter.ndim == 1 else noise * 0.01)
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5, generator=generator)
            elif name.endswith("running_mean"):
                buffer.uniform_(-0.5, 0.5, generator=generator)
    return model.double().eval()


def _build(pair: Pair) -> Backbone:
    pair = replace(pair, name=OURS.get(pair.name, pair.name))
    return build(pair.ours(), seed=0).double().eval()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_logits_agree_in_float64_in_both_directions(pair: Pair) -> None:
    theirs, ours = _shake(pair.theirs()), _build(pair)
    load_official(ours, theirs.state_dict())
    shape = (1, 3, pair.side, pair.side)
    image = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        expected = theirs(image)
        assert expected.std() > 0.01
        assert (ours(image) - expected).abs().max() < 1e-9
    back = to_timm(ours)
    assert back.keys() == theirs.state_dict().keys()
    assert all(torch.equal(back[key], value) for key, value in theirs.state_dict().items())


def test_a_resnet_with_squeeze_and_excitation_is_timms() -> None:
    theirs = _shake(timm.create_model("seresnet50"))
    ours = build(parse_step("extra=se").apply(SPECS["resnet50"]), seed=0).double().eval()
    from_timm(ours, theirs.state_dict())
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        expected = theirs(image)
        assert (ours(image) - expected).abs().max() < 1e-9 * expected.abs().max()
    assert to_timm(ours).keys() == theirs.state_dict().keys()


@pytest.mark.parametrize("name", BY_KEYS)
def test_keys_and_shapes_are_those_of_timm_at_full_size(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = build(OURS.get(name, name)), timm.create_model(name)
    state, expected = to_timm(ours), theirs.state_dict()
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in expected.items()}
    (names,) = layouts_of(ours, timm=True).values()
    tensors = ours.state_dict(keep_vars=True)
    assert problems(match(names, tensors, expected), tensors, expected) is None


@pytest.mark.parametrize(
    ("model", "name", "step"),
    [
        ("resnet50", "resnet50_to_convnext_t", "start"),
        ("convnext_tiny", "resnet50_to_convnext_t", "separate_downsampling"),
    ],
)
def test_the_ends_of_the_trajectory_take_the_weights(model: str, name: str, step: str) -> None:
    with torch.device("meta"):
        theirs = timm.create_model(model).state_dict()
    weights = {key: torch.zeros(value.shape, dtype=value.dtype) for key, value in theirs.items()}
    from_timm(build(TRAJECTORIES[name].spec_after(step)), weights)


def _tiny() -> dict[str, Tensor]:
    return dict(timm.create_model("convnext_tiny", num_classes=3, depths=(1, 1, 1, 1)).state_dict())


def test_missing_extra_misshapen_and_foreign_weights_are_refused_and_change_nothing() -> None:
    model = build(replace(SPECS["convnext_tiny"], depths=(1, 1, 1, 1)), num_classes=3, seed=0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    missing, extra, misshapen = _tiny(), _tiny(), _tiny()
    missing.pop("head.norm.weight")
    extra["head.extra"] = torch.zeros(1)
    misshapen["head.fc.weight"] = torch.zeros(5, 768)
    for weights, reason in (
        (missing, r"timm's ConvNeXt.*1 missing: head\.norm\.weight"),
        (extra, r"1 left over: head\.extra"),
        (misshapen, r"head\.fc\.weight has shape \(5, 768\) and \(3, 768\) is needed"),
        (dict(timm.create_model("resnet50").state_dict()), "missing"),
    ):
        with pytest.raises(ValueError, match=reason):
            from_timm(model, weights)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    from_timm(model, _tiny())


def test_networks_that_timm_lacks_are_refused() -> None:
    middle = build(TRAJECTORIES["convnext_nano"].spec_after("bn_to_ln"))
    with pytest.raises(ValueError, match="no network of this spec: it has timm's ResNet"):
        to_timm(middle)
    with pytest.raises(ValueError, match="no network of this spec"):
        from_timm(middle, {})
