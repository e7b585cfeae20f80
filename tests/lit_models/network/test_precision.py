"""Precision is one thing along a trajectory: no step changes it by the way."""

import pytest
import torch
from torch import nn

from ablations.run.session import set_float32_precision
from lit_models import SPECS, TRAJECTORIES, build
from lit_models.network.blocks import Branch
from lit_models.space.spec import ArchSpec
from lit_models.steps.trajectories import START

NANOS = sorted(name for name in SPECS if name.startswith("nano_"))
POINTS = [
    (name, point)
    for name in ("convnext_nano", "resnet50_to_convnext_t")
    for point in (START, *TRAJECTORIES[name].step_names)
]


def branch_types(spec: ArchSpec, *, training: bool = False) -> set[torch.dtype]:
    """The types of all residual branches' outputs under CPU autocast to bf16."""
    model, found = build(spec, num_classes=3).train(training), set()
    for module in model.modules():
        if isinstance(module, Branch) and module.residual:
            module.register_forward_hook(lambda _m, _i, output: found.add(output.dtype))
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(images).dtype == torch.bfloat16
    return found


@pytest.mark.parametrize(("trajectory", "point"), POINTS)
def test_the_residual_stream_is_float32_under_autocast(trajectory: str, point: str) -> None:
    assert branch_types(TRAJECTORIES[trajectory].spec_after(point)) == {torch.float32}


@pytest.mark.parametrize("name", NANOS)
def test_it_is_in_every_family_with_and_without_layer_scale(name: str) -> None:
    assert branch_types(SPECS[name], training=True) == {torch.float32}


def test_a_network_in_bf16_stays_so() -> None:
    model = build("nano_convnext", num_classes=3).bfloat16().eval()
    found = set()
    for module in model.modules():
        if not list(module.children()) and not isinstance(module, nn.Identity):
            module.register_forward_hook(lambda _m, _i, output: found.add(output.dtype))
    model(torch.rand(2, 3, 32, 32).bfloat16())
    assert found == {torch.bfloat16}


@pytest.mark.parametrize("tf32", [True, False])
def test_convolutions_and_matrix_products_are_multiplied_alike(tf32: bool) -> None:
    try:
        set_float32_precision(tf32=tf32)
        assert torch.backends.cudnn.allow_tf32 is tf32
        assert torch.backends.cuda.matmul.allow_tf32 is tf32
    finally:
        set_float32_precision(tf32=False)
