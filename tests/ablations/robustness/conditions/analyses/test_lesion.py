"""Which blocks are taken out, and what the rest answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ablations.robustness.conditions.analyses.lesion import Lesion, removals
from ablations.robustness.conditions.analyses.names import BLOCKS, REMOVED
from ablations.robustness.conditions.answers import CORRECT, PREDICTED, NotFiniteError
from ablations.robustness.conditions.asked import AskedNetwork
from lit_models.families.nano import NANOS
from lit_models.probes.anatomy import anatomy
from tests.support.robustness.asked import MadeImages, answered_by, asked_network, network_of


def test_draws_are_of_all_positions_so_that_equal_networks_lose_the_same() -> None:
    whole = removals(6, range(6), draws=4, seed=0)
    assert whole.shape == (6, 4, 6)
    assert whole.tolist() == removals(6, range(6), draws=4, seed=0).tolist()
    assert whole.tolist() != removals(6, range(6), draws=4, seed=1).tolist()
    assert removals(6, range(6), draws=2, seed=0).tolist() == whole[:, :2].tolist()
    for index, draws in enumerate(whole):
        for row in draws:
            taken = row[row >= 0].tolist()
            assert len(taken) == index + 1
            assert taken == sorted(set(taken))
            assert (row[len(taken) :] == -1).all()
    # one whose block 2 stays loses the others in the same order
    fewer = removals(6, (0, 1, 3, 4, 5), draws=4, seed=0)
    for index, draws in enumerate(fewer):
        for draw, row in enumerate(draws):
            both = set(row[row >= 0].tolist()) & set(whole[index, draw].tolist())
            assert 2 not in row
            assert len(both) >= index  # all but that which stands in for block 2


def test_each_number_of_blocks_is_drawn_anew() -> None:
    """Two blocks are not the one of the same draw and another."""
    one, two = removals(6, range(6), draws=20, seed=0)[:2]
    assert not all(first[0] in second for first, second in zip(one, two, strict=True))


def test_every_block_is_drawn_as_often_as_others() -> None:
    first = removals(5, range(5), draws=1000, seed=0)[0, :, 0]
    counts = np.bincount(first, minlength=5)
    assert abs(counts - 200).max() < 60  # five standard deviations are 63


@pytest.fixture(scope="module")
def convnext() -> AskedNetwork:
    return asked_network("nano_convnext")


def test_answers_are_those_of_the_network_without_these_blocks(convnext: AskedNetwork) -> None:
    images = MadeImages()
    found = answered_by(Lesion(draws=3), convnext, images, batch=4)
    assert found[PREDICTED].shape == found[CORRECT].shape == (6, 5, 3)
    assert found[REMOVED].shape == (5, 3, 5)
    assert found[BLOCKS] == 5
    assert found[REMOVED][-1, 0].tolist() == [0, 1, 2, 3, 4]
    assert (found[PREDICTED][:, 4] == found[PREDICTED][:, 4, :1]).all()  # all five: one way only
    blocks = [part.module for part in anatomy(convnext.backbone).blocks]
    pixels = network_of(convnext).stem((images.pixels.float() / 255 - 0.4) / 0.25)
    for count, draw in ((0, 1), (2, 2)):
        gone, x, position = found[REMOVED][count, draw], pixels, 0
        for stage in network_of(convnext).stages:
            x = stage.downsample(x)
            for _ in stage.blocks:
                x = x if position in gone else blocks[position](x)
                position += 1
        expected = network_of(convnext).forward_head(x).argmax(1).numpy()
        assert found[PREDICTED][:, count, draw].tolist() == expected.tolist()
        assert (found[CORRECT][:, count, draw] == (expected == images.labels)).all()


@pytest.mark.parametrize("name", NANOS)
def test_every_family_answers_or_is_refused(name: str) -> None:
    network, images = asked_network(name), MadeImages(count=3)
    condition = Lesion(draws=2)
    removable = len(anatomy(network.backbone).removable)
    refused = condition.refusal(network, images)
    assert (refused is None) == (removable > 0)
    assert (condition.passes(network).forwards > 0) == (removable > 0)
    if refused is None:
        found = answered_by(condition, network, images, batch=3)
        assert found[PREDICTED].shape == (3, removable, 2)


def test_batches_and_order_mean_nothing(convnext: AskedNetwork) -> None:
    images, condition = MadeImages(count=19), Lesion(draws=2)
    whole = answered_by(condition, convnext, images, batch=19)
    order = tuple(reversed(range(19)))
    turned = answered_by(condition, convnext, replace(images, order=order), batch=4)
    assert turned[PREDICTED][::-1].tolist() == whole[PREDICTED].tolist()
    assert turned[REMOVED].tolist() == whole[REMOVED].tolist()


def test_a_stage(convnext: AskedNetwork) -> None:
    condition = Lesion(draws=2, stages=(3,))
    assert condition.refusal(convnext, MadeImages()) is None
    found = answered_by(condition, convnext, MadeImages(count=2), batch=2)
    assert found[REMOVED][-1, 0].tolist() == [2, 3, 4]
    assert found[PREDICTED].shape == (2, 3, 2)
    assert condition.passes(convnext).forwards == 2 + 2 + 1
    assert Lesion().parameters() != condition.parameters()


def test_what_is_refused() -> None:
    images = MadeImages()
    convnext, resnet = asked_network("nano_convnext"), asked_network("nano_resnet")
    assert Lesion(stages=(4, 7)).refusal(convnext, images) == (
        "lesion.stages: nano_convnext, seed 0 has stages 1 to 3, found 4, 7"
    )
    assert Lesion(stages=(1,)).refusal(resnet, images) == (
        "lesion: nano_resnet, seed 0 has no block in stage 1 that can be removed (all change "
        "stride or width)"
    )
    assert Lesion().refusal(asked_network("nano_convmixer"), images) == (
        "lesion: nano_convmixer, seed 0 has no block that can be removed (all have a branch "
        "without a shortcut)"
    )
    unknown = Lesion().refusal(asked_network("timm/test_efficientnet"), images)
    assert unknown is not None
    assert unknown.startswith("lesion: timm/test_efficientnet, seed 0: where the blocks of a ")
    with pytest.raises(ValueError, match=r"lesion\.draws is at least 1, found 0"):
        Lesion(draws=0)


def test_an_answer_that_is_no_number_names_the_image() -> None:
    network = asked_network("nano_convnext")
    with torch.no_grad():
        network_of(network).get_classifier().bias[0] = torch.nan
    with pytest.raises(NotFiniteError, match="first that to image 4"):
        answered_by(Lesion(), network, MadeImages(count=2, order=(4, 1)), batch=2)
    assert len(list(anatomy(network.backbone).blocks[0].module.children())) == 1  # put back
