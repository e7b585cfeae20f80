"""Blocks are found, taken out and put back."""

import pytest
import torch
from torch import nn

from lit_models.families.nano import NANOS
from lit_models.families.specs import SPECS
from lit_models.network.backbone import Backbone
from lit_models.network.blocks import Branch
from lit_models.network.builder import build
from lit_models.network.initialise import initialise
from lit_models.probes.anatomy import anatomy
from lit_models.probes.parts import NOT_RESIDUAL, RESHAPES, why_none, without
from lit_models.space.spec import Init
from tests.lit_models.probes.made import images, lively

TIMM = ("timm/test_convnext", "timm/test_resnet", "timm/test_vit")


@pytest.mark.parametrize("name", NANOS)
def test_a_network_without_a_block_is_one_whose_block_adds_nothing(name: str) -> None:
    network = lively(name)
    parts = anatomy(network)
    for position in parts.removable[:2]:
        with without([parts.blocks[position]]), torch.inference_mode():
            found = network(images(network))
        torch.testing.assert_close(found, silenced(network, position))


def silenced(network: Backbone, position: int) -> torch.Tensor:
    """The logits where every branch of a block adds 0, and no norm or activation follows its sum.

    ReLUs that follow stay: what comes to them comes out of one.
    """
    block = list(anatomy(network).blocks[position].module.children())
    branches = [branch for branch in block if isinstance(branch, Branch)]
    hooks = [
        branch.layers.register_forward_hook(lambda _module, _given, out: out * 0)
        for branch in branches
    ]
    bypasses = [branch.bypass for branch in branches]
    for branch in branches:
        branch.bypass = None
    with torch.inference_mode():
        logits: torch.Tensor = network(images(network))
    for hook, branch, bypass in zip(hooks, branches, bypasses, strict=True):
        hook.remove()
        branch.bypass = bypass
    return logits


def test_without_all_blocks_of_a_residual_network_its_head_stands_on_its_stem() -> None:
    network = lively("nano_convnext_isotropic")
    parts = anatomy(network)
    assert parts.removable == (0, 1, 2, 3)
    with without(parts.blocks), torch.inference_mode():
        logits = network(images(network))
    with torch.inference_mode():
        expected = network.forward_head(network.stem(images(network)))
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("name", [*NANOS, *TIMM])
def test_a_network_is_put_back_unharmed(name: str) -> None:
    network = lively(name)
    parts = anatomy(network)
    modules = list(network.modules())
    with torch.inference_mode():
        before = network(images(network))
        with without([parts.blocks[i] for i in parts.removable]):
            lesioned = network(images(network))
        after = network(images(network))
    assert all(now is then for now, then in zip(network.modules(), modules, strict=True))
    assert after.equal(before)
    assert lesioned.equal(before) == (not parts.removable)


def test_a_network_is_put_back_after_an_error() -> None:
    network = lively("nano_convnext")
    block = anatomy(network).blocks[0].module
    with pytest.raises(RuntimeError, match="in between"), without(anatomy(network).blocks[:1]):
        raise RuntimeError("in between")
    assert anatomy(network).blocks[0].module is block


def test_which_blocks_can_go() -> None:
    # depths 1, 2, 2: the first block of every stage changes the width
    resnet = anatomy(lively("nano_resnet"))
    assert resnet.removable == (2, 4)
    assert [part.stage for part in resnet.blocks] == [1, 2, 2, 3, 3]
    assert {part.stays for part in resnet.blocks} == {None, RESHAPES}
    # it downsamples in the last block of a stage, so that every last block but one stays
    assert anatomy(lively("nano_resnet_down_inverted_dw")).removable == (3,)
    # downsampling between the blocks: all can go, a RepLK branch together with its feed-forward one
    replknet = anatomy(lively("nano_replknet"))
    assert replknet.removable == (0, 1, 2, 3)
    assert all(len(list(part.module.children())) == 2 for part in replknet.blocks)
    convmixer = anatomy(lively("nano_convmixer"))
    assert convmixer.removable == ()
    assert why_none(convmixer.blocks) == f"(all {NOT_RESIDUAL})"


def test_the_large_kernel_study_draws_from_blocks_4_to_21_of_24() -> None:
    """As the code of arXiv 2407.08972 counts RepLKNet-31B's, from 0: those are stage 3."""
    with torch.device("meta"):
        parts = anatomy(Backbone(SPECS["replknet_31b"]))
    assert len(parts.blocks) == 24
    drawn = [position for position in parts.removable if parts.blocks[position].stage == 3]
    assert drawn == list(range(4, 22))
    assert parts.centre(16) == 512  # of 32 positions at 1024 px: RepLKNet's squares are about it


def test_which_blocks_of_timm_can_go() -> None:
    assert anatomy(lively("timm/test_vit")).removable == tuple(range(6))
    resnet = anatomy(lively("timm/test_resnet"))
    assert [part.stays for part in resnet.blocks] == [None, RESHAPES, RESHAPES, RESHAPES]


def test_reasons_are_counted() -> None:
    parts = [*anatomy(lively("nano_convmixer")).blocks, anatomy(lively("nano_resnet")).blocks[0]]
    assert why_none(parts) == f"(4 {NOT_RESIDUAL}, 1 {RESHAPES})"


def test_a_network_whose_blocks_are_not_known_is_refused() -> None:
    network = build("timm/test_efficientnet", num_classes=3, seed=0)
    with pytest.raises(ValueError, match="blocks of a EfficientNet are is not known"):
        anatomy(network)


def test_initial_values_of_these_tests_are_no_identity() -> None:
    """A norm that starts at 0 makes every block the identity, and then nothing is tested."""
    network = build("nano_resnet", num_classes=3, seed=0)
    assert isinstance(network, nn.Module)
    initialise(network, Init("fan_out", zero_last_norm=True), seed=0)
    parts = anatomy(network.eval())
    with torch.inference_mode():
        before = network(images(network))
        with without([parts.blocks[i] for i in parts.removable]):
            assert network(images(network)).equal(before)
