"""With timm's weights carried over logits agree, both ways, and errors change nothing."""

import pytest
import timm
import torch
from torch import Tensor, nn

from lit_models import TRAJECTORIES, build, from_timm, to_timm

MODELS = ("resnet50", "convnext_tiny", "convnext_small", "convnext_base")


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
    return model.eval()


@pytest.mark.parametrize("name", MODELS)
def test_logits_agree_in_both_directions(name: str) -> None:
    theirs, ours = _shake(timm.create_model(name)), build(name).eval()
    from_timm(ours, theirs.state_dict())
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(image)
        assert expected.std() > 0.01
        assert (ours(image) - expected).abs().max() < 1e-5
    back = to_timm(ours)
    assert back.keys() == theirs.state_dict().keys()
    assert all(torch.equal(back[key], value) for key, value in theirs.state_dict().items())


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
    return dict(timm.create_model("convnext_tiny", num_classes=3).state_dict())


def test_missing_extra_misshapen_and_foreign_weights_are_refused_and_change_nothing() -> None:
    model = build("convnext_tiny", num_classes=3, seed=0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    missing, extra, misshapen = _tiny(), _tiny(), _tiny()
    missing.pop("head.norm.weight")
    extra["head.extra"] = torch.zeros(1)
    misshapen["head.fc.weight"] = torch.zeros(5, 768)
    for weights, reason in (
        (missing, r"lacks 1 weights, such as \['head.norm.weight'\]"),
        (extra, r"does not: 1 weights, such as \['head.extra'\]"),
        (misshapen, r"other shapes for 1 weights, such as \['head.fc.weight'\]"),
        (dict(timm.create_model("resnet50").state_dict()), "lacks"),
    ):
        with pytest.raises(ValueError, match=reason):
            from_timm(model, weights)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_networks_that_timm_lacks_are_refused() -> None:
    middle = build(TRAJECTORIES["convnext_nano"].spec_after("bn_to_ln"))
    with pytest.raises(ValueError, match="no network of this spec"):
        to_timm(middle)
    with pytest.raises(ValueError, match="no network of this spec"):
        from_timm(middle, {})
