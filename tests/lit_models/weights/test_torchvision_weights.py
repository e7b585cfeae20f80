"""Weights of torchvision's classification models in the space give torchvision's logits."""

import pytest
import torch
from torch import nn
from torchvision import models

from lit_models import SPECS, build, load_official
from lit_models.weights.official import fit

NETWORKS = (
    *("resnet50", "resnet101", "resnet152"),
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
)


def shaken(model: nn.Module) -> nn.Module:
    """In float64 and evaluation, every norm, scale, bias and statistic away from its start."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise * (0.1 if parameter.squeeze().ndim == 1 else 0.01))
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5, generator=generator)
    return model.double().eval()


@pytest.mark.parametrize("name", ["resnet50", "convnext_tiny"])
def test_logits_are_torchvisions(name: str) -> None:
    theirs, ours = shaken(models.get_model(name)), build(SPECS[name]).double().eval()
    load_official(ours, theirs.state_dict())
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        expected = theirs(images)
        assert expected.std() > 0.01
        assert (ours(images) - expected).abs().max() < 1e-9


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_has_its_place_at_full_size(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = build(SPECS[name]), models.get_model(name)
    found = fit(ours, theirs.state_dict())
    assert "torchvision" in found.layout
    assert found.tensors.keys() == ours.state_dict().keys()


def test_the_layout_is_named_where_other_weights_are_refused() -> None:
    with torch.device("meta"):
        ours = build(SPECS["convnext_tiny"])
    unknown = {f"encoder.{index}.kernel": torch.zeros(2) for index in range(9)}
    with pytest.raises(ValueError, match="torchvision's ConvNeXt"):
        fit(ours, unknown)
