"""Squeeze and excitation as a file of one's own does what the built-in one does."""

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lit_models import SPECS, Backbone, build, count, from_dict, parse_step, to_dict
from lit_models.primitives.primitive import PRIMITIVES
from lit_models.primitives.table import code_of
from lit_models.registry.registry import recorded

FILE = Path(__file__).with_name("my_se.py")


@pytest.fixture(autouse=True)
def used() -> Iterator[None]:
    """The file, executed for the length of a test."""
    with recorded() as made:
        runpy.run_path(str(FILE))
    yield
    for registry, name in made:
        registry.forget(name)


def built(text: str) -> Backbone:
    return build(parse_step(text).apply(SPECS["nano_convnext"]), num_classes=3, seed=0)


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The keys of the built-in module as those of the file's."""
    return {
        key.replace(".se.fc1.", ".my_se.squeeze.").replace(".se.fc2.", ".my_se.excite."): value
        for key, value in state.items()
    }


def test_it_computes_and_costs_what_the_built_in_one_does() -> None:
    own, known = built("extra=my_se:4@2+3"), built("extra=se:4@2+3")
    assert count(own.spec, image_size=32) == count(known.spec, image_size=32)
    own.load_state_dict(renamed(known.state_dict()))
    images = torch.randn(2, 3, 32, 32)
    assert torch.allclose(own.eval()(images), known.eval()(images), rtol=1e-6, atol=1e-7)


def test_it_is_named_with_its_file_and_in_specs() -> None:
    assert PRIMITIVES.origin("my_se").file == str(FILE)
    assert list(code_of(["my_se", "se"])) == ["my_se"]
    spec = built("extra=my_se:4").spec
    assert from_dict(to_dict(spec)) == spec
    assert spec.primitives() == {"my_se"}
    step = parse_step("extra=my_se:4+after=spatial")
    assert (step.title, step.source) == ("my SE reduction 4", "arXiv 1709.01507")
    with pytest.raises(ValueError, match="reduction is a whole number from 1 to 256, found 512"):
        parse_step("extra=my_se:512")
