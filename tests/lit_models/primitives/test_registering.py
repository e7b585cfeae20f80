"""A primitive of one's own: registered by one call, built, initialised, refused with reasons."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lit_models import SPECS, ArchSpec, IllegalSpec, build, count, from_dict, load_network, to_dict
from lit_models.primitives.primitive import PRIMITIVES, register_primitive
from lit_models.primitives.table import code_of
from lit_models.recipe.config import TrainingConfig
from lit_models.registry.registry import recorded
from lit_models.space.spec import Extra, ExtraOption
from lit_models.training.layer_scales import mean_layer_scales
from lit_models.training.optimisation import create_optimizer


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test registers is gone after it."""
    with recorded() as made:
        yield
    for registry, name in made:
        if name in registry:
            registry.forget(name)


def spec_with(*extras: Extra) -> ArchSpec:
    return SPECS["nano_convnext"].map_branches(lambda branch: replace(branch, extras=extras))


def register_mixing(**options: Any) -> None:
    """A learned mix of channels, of two dimensions and drawn by its own constructor."""

    @register_primitive("mix", **{"after": ("spatial",), **options})
    class Mix(nn.Module):
        """Channels are mixed."""

        def __init__(self, channels: int, *, size: float = 0.1) -> None:
            super().__init__()
            self.gamma = nn.Parameter(torch.randn(channels, channels) * size)
            self.linear = nn.Linear(channels, channels)
            nn.init.zeros_(self.linear.weight)

        def forward(self, x: Tensor) -> Tensor:
            mixed = torch.einsum("nchw,dc->ndhw", x, self.gamma)
            out: Tensor = x + mixed + self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            return out


def mix() -> Extra:
    return Extra("mix", "spatial")


PATH = "stages.0.blocks.0.0.layers.spatial.mix"


def test_it_keeps_what_its_constructor_draws_from_the_seed() -> None:
    register_mixing()
    zero, again, one = (build(spec_with(mix()), seed=seed) for seed in (0, 0, 1))
    values = [model.get_parameter(f"{PATH}.gamma") for model in (zero, again, one)]
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])
    assert not zero.get_parameter(f"{PATH}.linear.weight").any()


def test_with_init_network_its_layers_start_as_the_others_do() -> None:
    register_mixing(init="network")
    assert build(spec_with(mix()), seed=0).get_parameter(f"{PATH}.linear.weight").any()


@pytest.mark.parametrize(
    "training",
    [
        TrainingConfig(weight_decay=0.1),
        TrainingConfig(weight_decay=0.1, layer_decay=0.9),
        TrainingConfig(weight_decay=0.1, layer_decay=0.9, layer_decay_groups="convnext"),
    ],
    ids=["plain", "layers", "convnext"],
)
@pytest.mark.parametrize(("kept", "decay"), [((), 0.1), (("gamma",), 0.0)])
def test_its_parameters_are_decayed_unless_it_says_otherwise(
    training: TrainingConfig, kept: tuple[str, ...], decay: float
) -> None:
    register_mixing(no_weight_decay=kept)
    four_stages = replace(SPECS["convnext_tiny"], depths=(1,) * 4, widths=(8,) * 4)
    spec = four_stages.map_branches(lambda branch: replace(branch, extras=(mix(),)))
    model = build(spec, num_classes=2, seed=0)
    gamma = model.get_parameter(f"{PATH}.gamma")
    groups = create_optimizer(model, training).param_groups
    (found,) = (g["weight_decay"] for g in groups if any(p is gamma for p in g["params"]))
    assert found == decay


def test_a_gamma_of_its_own_is_no_layer_scale() -> None:
    register_mixing()
    assert not mean_layer_scales(build(spec_with(mix()), seed=0))


def test_its_cost_is_counted() -> None:
    register_mixing()
    plain, mixed = (count(s, image_size=32) for s in (spec_with(), spec_with(mix())))
    assert mixed.params > plain.params
    assert mixed.gmacs > plain.gmacs


def test_the_same_options_are_one_spec() -> None:
    register_mixing()
    said = Extra("mix", "spatial", (ExtraOption("size", 0.1),))
    assert spec_with(said) == spec_with(mix())
    other = spec_with(Extra("mix", "spatial", (ExtraOption("size", 1),)))
    assert other != spec_with(mix())
    assert from_dict(to_dict(other)) == other
    assert other.primitives() == {"mix"}


def test_the_code_of_a_primitive_from_outside_is_known() -> None:
    register_mixing()
    assert code_of(["grn", "se"]) == {}
    assert list(code_of(["grn", "mix"])) == ["mix"]


def test_a_place_has_a_primitive_once() -> None:
    with pytest.raises(IllegalSpec, match="the primitive grn stands twice after spatial"):
        spec_with(*(Extra("grn", "spatial"),) * 2)
    both = spec_with(Extra("se", "spatial"), Extra("grn", "spatial"))
    row = build(both, seed=0).get_submodule("stages.0.blocks.0.0.layers.spatial")
    assert [name for name, _ in row.named_children()][-2:] == ["se", "grn"]


def test_a_place_that_a_branch_does_not_have_is_refused() -> None:
    no_convolution = SPECS["nano_convmixer"]
    with pytest.raises(IllegalSpec, match=r"grn stands after pointwise_in: .* only has .*spatial"):
        no_convolution.map_branches(lambda b: replace(b, extras=(Extra("grn", "pointwise_in"),)))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("gnr", "spatial"), r"there is no primitive 'gnr'. Did you mean grn\? .*--use FILE"),
        (
            ("mix", "pointwise_in"),
            "the primitive mix stands after spatial, not after 'pointwise_in'",
        ),
        (("grn", "spatial", ("epsilon", 1.0)), "grn has no option 'epsilon'. .*Valid: eps"),
        (
            ("se", "spatial", ("reduction", 2.5)),
            "reduction is a whole number from 1 to 1024, found 2.5",
        ),
        (
            ("se", "spatial", ("reduction", 0)),
            "reduction is a whole number from 1 to 1024, found 0",
        ),
        (("se", "spatial", ("reduction", True)), "found True"),
        (("se", "spatial", ("gate", "tanh")), "gate is one of sigmoid, hard_sigmoid, found 'tanh'"),
        (("grn", "spatial", ("eps", float("nan"))), "eps is a number from 1e-12 to 1, found nan"),
        (
            ("se", "spatial", ("gate", "sigmoid"), ("gate", "sigmoid")),
            "has twice the option 'gate'",
        ),
    ],
)
def test_what_is_no_primitive_is_refused(given: tuple[Any, ...], reason: str) -> None:
    register_mixing()
    name, after, *options = given
    with pytest.raises(IllegalSpec, match=reason):
        Extra(name, after, tuple(ExtraOption(*option) for option in options))


def plain(channels: int) -> nn.Module:
    del channels
    return nn.Identity()


def positional(channels: int, size: int = 1) -> nn.Module:
    del size
    return plain(channels)


def bare(channels: int, *, size: int) -> nn.Module:
    del size
    return plain(channels)


@pytest.mark.parametrize(
    ("make", "name", "options", "reason"),
    [
        (
            plain,
            "grn",
            {},
            r"test_registering.py:\d+: the primitive 'grn' exists already, from .*response",
        ),
        (plain, "Conv 2", {}, "a name has lower-case letters"),
        (plain, "norm", {}, "is none of conv, norm"),
        (plain, "width", {}, "is none of conv, norm"),
        (
            plain,
            "a",
            {"after": ("input",)},
            r"after names layers out of pointwise_in.*\('input',\)",
        ),
        (positional, "a", {}, "options by keyword only, found channels, size"),
        (lambda: plain(1), "a", {}, "the channels first, .* found none of them"),
        (bare, "a", {}, "its option size has no default that is a number"),
        (plain, "a", {"ranges": {"size": (0, 1)}}, "it has no option size that could have a range"),
    ],
)
def test_a_primitive_that_cannot_be_is_refused_with_its_place(
    make: Any, name: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        register_primitive(name, **options)(make)
    assert name not in PRIMITIVES or name == "grn"


class Halves(nn.Module):
    def __init__(self, channels: int, *, fails: bool = False) -> None:
        super().__init__()
        if fails:
            raise RuntimeError(f"no {channels}")

    def forward(self, x: Tensor) -> Tensor:
        return x[:, ::2]


@pytest.mark.parametrize(
    ("fails", "reason"),
    [
        (False, "has to keep the shape of maps (2, 24, 5, 5), and gives (2, 12, 5, 5)"),
        (True, "cannot be made: RuntimeError: no 24"),
    ],
)
def test_a_module_that_does_not_keep_its_promise_is_named_with_its_place(
    fails: bool, reason: str
) -> None:
    register_primitive("halves", after=("spatial",))(Halves)
    options = (ExtraOption("fails", fails),)
    with pytest.raises(ValueError, match=rf"test_registering.py:\d+.*{re.escape(reason)}"):
        build(spec_with(Extra("halves", "spatial", options)))


def test_a_name_that_no_module_can_have_is_refused_with_its_place() -> None:
    register_primitive("float")(plain)
    with pytest.raises(ValueError, match=r"test_registering.py:\d+.*'float'.*under another"):
        build(spec_with(Extra("float", "spatial")))


def test_a_name_without_weight_decay_is_a_parameter() -> None:
    register_mixing(no_weight_decay=("gama",))
    with pytest.raises(ValueError, match="has no parameter gama, which no_weight_decay names"):
        build(spec_with(mix()))


def test_a_checkpoint_needs_the_primitive_that_its_network_has(tmp_path: Path) -> None:
    register_mixing()
    model = build(spec_with(mix()), num_classes=2, seed=0)
    hyper = {"spec": to_dict(model.spec), "training": {}, "num_classes": 2, "in_chans": 3}
    state = {f"backbone.{key}": value for key, value in model.state_dict().items()}
    torch.save({"state_dict": state, "hyper_parameters": hyper}, tmp_path / "a.ckpt")
    images = torch.randn(1, 3, 32, 32)
    again = load_network(tmp_path / "a.ckpt")
    assert torch.equal(again.eval()(images), model.eval()(images))
    PRIMITIVES.forget("mix")
    with pytest.raises(ValueError, match=r"a\.ckpt: there is no primitive 'mix'.*--use FILE$"):
        load_network(tmp_path / "a.ckpt")
