"""Layers in fewer passes over memory: the same function and gradients as the plain ones."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lit_models import SPECS, ArchSpec, build, parse_step
from lit_models.network import backbone as backbone_module
from lit_models.network import blocks as blocks_module
from lit_models.network.fused import GELU, PointwiseConv, add_scaled, channels_last_on_cpu
from lit_models.network.layers import LayerScale
from lit_models.space.spec import Branch, NormKind, Place

NANO = [name for name in SPECS if name.startswith("nano_")]
LAYOUTS = (torch.contiguous_format, torch.channels_last)
Made = tuple[Tensor, dict[str, Tensor]]


def image(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def two_threads() -> Iterator[None]:
    """One image on one thread has paths of its own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def plain(patch: pytest.MonkeyPatch) -> None:
    """Put PyTorch's own layers in place of ours."""

    def add(kept: Tensor, row: Tensor, factor: Tensor | None) -> Tensor:
        return (row if factor is None else row * factor) + kept

    patch.setattr(backbone_module, "channels_last_on_cpu", lambda x: x)
    patch.setattr(blocks_module, "add_scaled", add)
    patch.setattr(PointwiseConv, "forward", nn.Conv2d.forward)
    patch.setattr(GELU, "forward", lambda _, x: functional.gelu(x))


def run(spec: ArchSpec, *, train: bool) -> Made:
    """Logits and the gradients of everything, images included, of a spec in float64."""
    model = build(replace(spec, drop_path_rate=0.3), num_classes=5, seed=0).double().train(train)
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():  # zeros and ones would hide much
        noise = torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
        parameter.data += 0.1 * noise
    images = image(3, 3, 32, 32).requires_grad_(train)
    torch.manual_seed(3)  # drop path
    with torch.set_grad_enabled(train):
        logits = model(images)
    if not train:
        return logits, {}
    logits.square().sum().backward()
    found = {**dict(model.named_parameters()), "images": images}
    gradients = {name: tensor.grad for name, tensor in found.items() if tensor.grad is not None}
    assert set(gradients) == set(found)
    return logits.detach(), gradients


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NANO)
def test_every_family_computes_what_plain_layers_compute(
    name: str, train: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, gradients = run(SPECS[name], train=train)
    plain(monkeypatch)
    expected, wanted = run(SPECS[name], train=train)

    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradients, wanted, rtol=1e-8, atol=1e-9)


PLACES: dict[str, frozenset[Place]] = {
    "before the layers, where the shortcut reads too": frozenset({"input", "spatial"}),
    "at the end of the layers, whose output a ReLU needs": frozenset({"pointwise_out", "sum"}),
    "everywhere": frozenset({"input", "spatial", "pointwise_in", "pointwise_out", "sum"}),
}


def _edited(places: frozenset[Place], norm: NormKind, *, residual: bool) -> ArchSpec:
    def edit(branch: Branch) -> Branch:
        norms = frozenset[Place]({"spatial"} if norm != "none" else ())
        return replace(branch, activations=places, norms=norms, residual=residual, layer_scale=None)

    kind: NormKind = "batch" if norm == "none" else norm
    return replace(SPECS["nano_convnext"].map_branches(edit), norm=kind, activation="relu")


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("places", PLACES.values(), ids=list(PLACES))
def test_activations_anywhere_compute_what_plain_layers_compute(
    places: frozenset[Place], norm: NormKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [_edited(places, norm, residual=residual) for residual in (True, False)]
    found = [run(spec, train=train) for spec in specs for train in (True, False)]
    plain(monkeypatch)
    expected = [run(spec, train=train) for spec in specs for train in (True, False)]

    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels last"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_pointwise_convolution_is_one_in_both_layouts(
    layout: torch.memory_format, bias: bool
) -> None:
    torch.manual_seed(0)
    conv = PointwiseConv(5, 7, bias=bias).double()
    x = image(2, 5, 3, 4).contiguous(memory_format=layout)

    out = conv(x)

    torch.testing.assert_close(out, nn.Conv2d.forward(conv, x), rtol=1e-12, atol=1e-12)
    assert out.is_contiguous(memory_format=layout)
    torch.autograd.gradcheck(conv, x.requires_grad_())


def test_maps_lie_channels_last_on_a_cpu(two_threads: None) -> None:
    x = image(2, 3, 32, 32)
    for name in ("nano_resnet", "nano_spach_ms_hybrid", "nano_convmixer", "nano_spach_ms_mlp"):
        features = build(SPECS[name]).double().eval().forward_features(x)
        if "mlp" not in name:  # a token MLP works along positions
            assert features.is_contiguous(memory_format=torch.channels_last), name
    assert x.is_contiguous()


def test_one_image_on_one_thread_is_left_as_it_lies() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with torch.no_grad():
            assert channels_last_on_cpu(image(1, 3, 4, 4)).is_contiguous()
            assert not channels_last_on_cpu(image(2, 3, 4, 4)).is_contiguous()
        assert not channels_last_on_cpu(image(1, 3, 4, 4)).is_contiguous()
    finally:
        torch.set_num_threads(threads)


def test_flops_of_a_matrix_product_are_those_of_the_convolution() -> None:
    counts = []
    for layout in LAYOUTS:
        x = torch.empty(2, 6, 5, 5, device="meta").contiguous(memory_format=layout)
        with FlopCounterMode(display=False) as counter:
            PointwiseConv(6, 8, bias=True).to("meta")(x)
        counts.append(counter.get_total_flops())

    assert counts == [2 * 2 * 25 * 6 * 8] * 2


@pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels last"])
def test_gelu_lies_as_its_input_does(layout: torch.memory_format) -> None:
    x = image(2, 3, 4, 4).contiguous(memory_format=layout)
    out = GELU()(x)

    assert out.is_contiguous(memory_format=layout)
    torch.testing.assert_close(out, functional.gelu(x))


@pytest.mark.parametrize("kept", [torch.float32, torch.float64])
def test_a_sum_has_the_wider_type(kept: torch.dtype) -> None:
    row = image(2, 3, 4, 4).float()
    for factor in (None, torch.ones(1, 3, 1, 1)):
        out = add_scaled(torch.zeros(2, 3, 4, 4, dtype=kept), row, factor)
        assert out.dtype == kept


def test_drop_path_draws_the_numbers_that_timms_layer_draws() -> None:
    scaled = parse_step("layer_scale=0.5").apply(SPECS["nano_convnext"])
    spec = replace(scaled, drop_path_rate=0.5, drop_path_schedule="constant")
    (branch, *_) = (
        m for m in build(spec, seed=0).double().modules() if isinstance(m, blocks_module.Branch)
    )
    assert isinstance(branch.scale, LayerScale)
    x = image(8, branch.scale.gamma.numel(), 4, 4)
    torch.manual_seed(5)
    out = branch(x)
    torch.manual_seed(5)
    expected = DropPath(0.5)(branch.scale(branch.layers(x))) + x

    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    dropped = [torch.equal(one, other) for one, other in zip(out, x, strict=True)]
    assert any(dropped)
    assert not all(dropped)


def test_an_exported_network_has_convolutions() -> None:
    model = build(SPECS["nano_convnext"], seed=0).eval()
    program = torch.export.export(model, (image(1, 3, 32, 32).float(),))
    products = [n for n in program.graph.nodes if "linear" in str(n.target)]

    assert len(products) == 1  # the classifier
