"""What PyTorch's own tools do with a network: they see every tensor as it was, as with timm's."""

import pickle
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from lit_models import SPECS, build, load_official
from lit_models.network.layers import LayerScale
from lit_models.weights.official import layouts_of
from tests.lit_models.network.test_fused import image

FAMILIES = (
    "nano_resnet",
    "nano_robust_resnet_up_inverted_dw",
    "nano_convnext",
    "nano_spach_ms_hybrid",
    "nano_spach_mlp",
    "nano_convmixer",
    "nano_replknet",
)
Kept = dict[str, Tensor]
Check = Callable[[nn.Module, Tensor], None]


def network(name: str) -> nn.Module:
    """In float64, with drop path."""
    spec = replace(SPECS[name], drop_path_rate=0.2, drop_path_schedule="constant")
    return shaken(build(spec, num_classes=5, seed=0))


def shaken(model: nn.Module) -> nn.Module:
    """The model in float64 and evaluation with every parameter away from zeros and ones."""
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model.double().eval()


def activations(model: nn.Module, images: Tensor) -> tuple[Kept, Kept]:
    """Every layer's output as a hook kept it, and a copy that the hook took at once."""
    kept: Kept = {}
    copies: Kept = {}

    def hook(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def keep(_: nn.Module, __: object, out: Tensor) -> None:
            kept[name], copies[name] = out, out.clone()

        return keep

    for name, module in model.named_modules():
        if not list(module.children()):
            module.register_forward_hook(hook(name))
    model(images)
    return kept, copies


def trace(model: nn.Module, images: Tensor) -> None:
    """PyTorch compares the trace with a second one."""
    traced: Any = torch.jit.trace(model, images)  # type: ignore[no-untyped-call]
    for number in (1, 2):
        torch.testing.assert_close(traced(images[:number]), model(images[:number]))


def fx(model: nn.Module, images: Tensor) -> None:
    expected = model(images)
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(images), expected)
    torch.fx.symbolic_trace(model.train())


def vmap(model: nn.Module, images: Tensor) -> None:
    """Gradients of each image, and of two networks at a time."""
    weights: Kept = dict(model.named_parameters())

    def loss(weights: Kept, images: Tensor) -> Tensor:
        logits: Tensor = torch.func.functional_call(model, weights, (images,))
        return logits.square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, images[:, None])
    together = torch.func.grad(loss)(weights, images)
    torch.testing.assert_close({key: value.sum(0) for key, value in each.items()}, together)
    pair = {key: torch.stack([value, value]) for key, value in weights.items()}
    losses = torch.func.vmap(loss, (0, None))(pair, images)
    torch.testing.assert_close(losses, loss(weights, images).expand(2))


def forward_hooks(model: nn.Module, images: Tensor) -> None:
    for train in (False, True):
        for gradients in (False, True):
            with torch.set_grad_enabled(gradients):
                kept, copies = activations(deepcopy(model).train(train), images)
            assert len(kept) > 10
            changed = [name for name in kept if not torch.equal(kept[name], copies[name])]
            assert changed == []


def backward_hooks(model: nn.Module, images: Tensor) -> None:
    seen, layers = set(), set()
    for name, module in model.named_modules():
        if list(module.parameters(recurse=False)) and not isinstance(module, LayerScale):
            layers.add(name)

        def hook(_: nn.Module, __: object, ___: object, name: str = name) -> None:
            seen.add(name)

        module.register_full_backward_hook(hook)
    model.train()(images.requires_grad_()).square().sum().backward()
    assert seen >= layers  # layer scale and drop path are a factor of the sum


def copies(model: nn.Module, images: Tensor) -> None:
    expected = model(images)
    for copied in (deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(copied(images), expected)


def short_floats(model: nn.Module, images: Tensor) -> None:
    expected = model(images)
    for dtype in (torch.float16, torch.bfloat16):
        logits = model.to(dtype)(images.to(dtype))
        assert logits.dtype == dtype
        torch.testing.assert_close(logits.double(), expected, rtol=0.1, atol=0.1)


def compiled(model: nn.Module, images: Tensor) -> None:
    torch.compiler.reset()
    made = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(made(images), model(images))
    model.train()
    made(images).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (trace, fx, vmap, forward_hooks, backward_hooks, copies, short_floats, compiled)
}


@pytest.mark.filterwarnings("ignore:`torch.jit.trace")  # deprecated, and used
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_tool_takes_every_family(name: str, check: str) -> None:
    CHECKS[check](network(name), image(2, 3, 32, 32))


# of timm's networks one block a stage, and the arguments that make them so
PAIRS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "resnet50": ((1, 1, 1, 1), {"layers": (1, 1, 1, 1)}),
    "convnext_tiny": ((1, 1, 1, 1), {"depths": (1, 1, 1, 1)}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_a_hook_keeps_is_what_it_keeps_of_timms_network(name: str) -> None:
    depths, options = PAIRS[name]
    theirs = shaken(timm.create_model(name, num_classes=5, **options))
    ours = build(replace(SPECS[name], depths=depths), num_classes=5).double().eval()
    load_official(ours, theirs.state_dict())
    names = next(iter(layouts_of(ours, timm=True).values()))
    with torch.no_grad():
        kept, _ = activations(ours, image(2, 3, 64, 64))
        _, expected = activations(theirs, image(2, 3, 64, 64))
    compared = 0
    for key, there in names.items():
        layer, _, leaf = key.rpartition(".")
        if leaf != "weight":
            continue
        wanted = expected[there.rpartition(".")[0]]
        found = kept[layer]
        if found.shape != wanted.shape:  # theirs are (N, H, W, C) in a block
            wanted = wanted.permute(0, 3, 1, 2)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
        compared += 1
    assert compared > 20
