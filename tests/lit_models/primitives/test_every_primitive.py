"""What holds for every primitive: a new one is under test by being registered."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lit_models import SPECS, ArchSpec, Backbone, build, for_inference, from_dict, to_dict
from lit_models.primitives.primitive import PRIMITIVES
from lit_models.primitives.table import primitive
from lit_models.space.spec import Extra

NAMES = sorted(PRIMITIVES)
SIDE = 16


def with_extra(name: str, *, base: str = "nano_convnext") -> ArchSpec:
    """A small network with a primitive after each layer that it may follow."""
    extras = tuple(Extra(name, place) for place in primitive(name).after)
    return SPECS[base].map_branches(lambda branch: replace(branch, extras=extras))


def network(name: str, *, seed: int = 0) -> Backbone:
    return build(with_extra(name), num_classes=3, seed=seed)


def shaken(model: nn.Module) -> nn.Module:
    """Every parameter moved away from where it starts."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.eval()


def images() -> Tensor:
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_keeps_shape_and_layout_and_its_gradient_is_right(
    name: str, layout: torch.memory_format
) -> None:
    maps = torch.randn(2, 6, 4, 4, dtype=torch.float64, requires_grad=True)
    module = shaken(primitive(name).make(6).double())
    out = module(maps.contiguous(memory_format=layout))
    assert out.shape == maps.shape
    assert out.is_contiguous(memory_format=layout)
    assert torch.autograd.gradcheck(module, maps.detach().requires_grad_())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_identity_at_the_start_exactly_when_it_says_so(name: str) -> None:
    spec = replace(with_extra(name), drop_path_rate=0.0)
    plain = spec.map_branches(lambda branch: replace(branch, extras=()))
    with_it, without = (build(s, num_classes=3, seed=0).eval() for s in (spec, plain))
    same = torch.equal(with_it(images()), without(images()))
    assert same == primitive(name).starts_as_identity


@pytest.mark.parametrize("name", NAMES)
def test_its_values_depend_on_the_seed_and_its_place_only(name: str) -> None:
    first = primitive(name).after[0]
    alone = SPECS["nano_convnext"].map_branches(
        lambda branch: replace(branch, extras=(Extra(name, first),))
    )
    beside_others = network(name).state_dict()
    for key, value in build(alone, num_classes=3, seed=0).state_dict().items():
        assert torch.equal(value, beside_others[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_a_network_with_it_goes_every_way_that_others_go(name: str) -> None:
    model, x = shaken(network(name)), images()
    assert isinstance(model, Backbone)
    expected = model(x)
    assert torch.equal(deepcopy(model)(x), expected)
    assert torch.allclose(torch.fx.symbolic_trace(model)(x), expected, atol=1e-6)
    mapped = torch.func.vmap(lambda one: model(one[None])[0])(x)
    assert torch.allclose(mapped, expected, atol=1e-5)
    assert for_inference(model) is model
    assert from_dict(to_dict(model.spec)) == model.spec
    model.train().set_grad_checkpointing()
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    exported = torch.export.export(model.eval(), (x,)).module()
    assert torch.allclose(exported(x), expected, atol=1e-5)
