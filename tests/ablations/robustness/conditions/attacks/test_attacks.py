"""Attacks as conditions: what they store, that no batch matters, and their suites."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ablations.robustness.conditions.arrays import (
    CONFIDENCE,
    CORRECT,
    DISTANCE,
    LOSS,
    MASKED,
    PREDICTED,
)
from ablations.robustness.conditions.attacks.attack import Attack, eps_word
from ablations.robustness.conditions.attacks.sign import Fgsm, Pgd, PgdSteps
from ablations.robustness.conditions.attacks.suite import large_kernel_attacks, quick_attacks
from ablations.robustness.conditions.attacks.transfer import Taig
from ablations.robustness.conditions.clean import Clean
from ablations.robustness.conditions.condition import ImageCondition, Passes
from ablations.robustness.conditions.others import OtherNetwork, other_network, weights_digest
from ablations.robustness.conditions.suites import Setting, conditions
from ablations.studies.robustness.config import AttackConfig, RobustnessConfig
from datamodules.config.data import DataConfig
from lit_models.probes.pixels import Pixels
from tests.support.robustness.asked import (
    MadeImages,
    answered_by,
    asked_network,
    keep_checkpoint,
)

IMAGES = MadeImages(count=20)
DIGITS = MadeImages(in_chans=1, side=24, class_names=tuple("0123456789"))
ATTACKS: tuple[Attack, ...] = (
    Fgsm(8 / 255),
    Pgd(0.006, steps=2),
    Pgd(0.03, steps=2, restarts=2),
    PgdSteps(0.006, steps=1),
)


def surrogate() -> OtherNetwork:
    """A network so small that its 420 gradients an image take no time."""
    network = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(3 * 64, 3))
    network[2].weight.data = torch.linspace(0, 999, 3 * 3 * 64).view(3, -1).sin()
    pixels = Pixels(network, mean=(0.4,) * 3, std=(0.25,) * 3)
    return OtherNetwork("another", weights_digest(network), pixels, torch.device("cpu"))


@pytest.mark.parametrize("condition", [*ATTACKS, Taig(0.03, surrogate())], ids=lambda c: c.name)
def test_no_batch_matters(condition: ImageCondition) -> None:
    network, few = asked_network("nano_resnet"), replace(IMAGES, count=5)
    whole = answered_by(condition, network, few, batch=5)
    turned = replace(few, order=tuple(reversed(range(5))))
    for batch, images in ((1, few), (3, turned)):
        other = answered_by(condition, network, images, batch=batch)
        for name, array in whole.items():
            assert np.array_equal(other[name][:: -1 if images is turned else 1], array), name


@pytest.mark.parametrize("attack", [Fgsm(0), Pgd(0), Pgd(0, restarts=2)])
def test_without_a_change_allowed_answers_are_those_to_the_images(attack: Attack) -> None:
    network = asked_network("nano_resnet")
    clean = answered_by(Clean(), network, IMAGES, batch=8)
    found = answered_by(attack, network, IMAGES, batch=8)
    for name in (PREDICTED, CORRECT, CONFIDENCE, LOSS):
        assert np.array_equal(found[name], clean[name])
    assert not found[DISTANCE].any()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_largest_change_is_stored_and_at_most_eps(attack: Attack) -> None:
    found = answered_by(attack, asked_network("nano_convnext"), IMAGES, batch=20)
    assert (found[DISTANCE] <= attack.eps + 1e-6).all()
    assert (found[DISTANCE] > attack.eps / 2).all()
    assert found[MASKED].shape == (20,)
    assert not found[MASKED].any()


def test_an_attack_raises_the_loss_and_more_steps_raise_it_more() -> None:
    network = asked_network("nano_convnext")
    clean = answered_by(Clean(), network, IMAGES, batch=20)[LOSS]
    steps = [answered_by(PgdSteps(0.03, n), network, IMAGES, batch=20)[LOSS] for n in (1, 5)]
    assert (steps[1] > clean).all()
    assert (steps[1] > steps[0]).all()


def test_an_image_stands_fewer_restarts_than_more() -> None:
    network = asked_network("nano_resnet")
    once, thrice = (
        answered_by(Pgd(0.02, steps=1, restarts=count), network, IMAGES, batch=20)[CORRECT]
        for count in (1, 3)
    )
    assert (thrice <= once).all()


def test_a_step_of_the_sweep_is_the_attack_with_so_many_steps() -> None:
    network, few = asked_network("nano_resnet"), replace(IMAGES, count=5)
    sweep = answered_by(PgdSteps(0.006, steps=5), network, few, batch=5)
    attack = answered_by(Pgd(0.006, steps=5), network, few, batch=5)
    assert all(np.array_equal(sweep[name], attack[name]) for name in attack)


def test_transfer_attacks_the_surrogate_once_for_all_networks() -> None:
    condition = Taig(0.03, surrogate())
    (batch,) = replace(IMAGES, count=4).batches(4)
    made = condition.make(batch)
    levels = made.pixels * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    distances = made.distances(batch.pixels / 255)
    assert distances.amax() <= 0.03 + 0.5 / 255 + 1e-6
    before = made.pixels.clone()
    for name in ("nano_resnet", "nano_convnext"):
        assert condition.ask(asked_network(name), made, batch)[DISTANCE].max() > 0.02
    assert made.pixels.equal(before)


def test_the_surrogate_is_no_network_that_is_asked() -> None:
    other = surrogate()
    same = replace(asked_network("nano_convnext"), checkpoint=other.digest)
    assert Taig(0.03, other).refusal(same, IMAGES) == (
        "nano_convnext, seed 0 is attacks.surrogate itself: an attack made on it does not transfer"
    )
    assert Taig(0.03, other).refusal(asked_network("nano_convnext"), IMAGES) is None


@pytest.mark.parametrize(
    ("eps", "word"),
    [(8 / 255, "8_255"), (0.1, "0.1"), (0.2, "0.2"), (0.006, "0.006"), (0.5 / 255, "0.5_255")],
)
def test_eps_as_part_of_a_name(eps: float, word: str) -> None:
    assert eps_word(eps) == word


def test_what_attacks_cost() -> None:
    network = asked_network("nano_resnet")
    assert Fgsm(0.1).passes(network) == Passes(forwards=1, backwards=1)
    assert Pgd(0.1, steps=5).passes(network) == Passes(forwards=1, backwards=5)
    assert Pgd(0.1, steps=5, restarts=2).passes(network) == Passes(forwards=3, backwards=10)


def test_the_suite_by_default() -> None:
    found = keys(AttackConfig())
    fgsm = ["1_255", "2_255", "4_255", "8_255", "0.1", "0.2", "0.3", "0.4"]
    pgd = ["0.002", "0.004", "0.006", "0.008"]
    assert found == [
        "clean/clean",
        *(f"attacks/fgsm/{eps}" for eps in fgsm),
        *(f"attacks/pgd/{eps}" for eps in pgd),
        *(f"attacks/pgd_steps/{steps}" for steps in (1, 2, 5, 10, 20)),
    ]


def test_the_suite_takes_its_keys(tmp_path: Path) -> None:
    path = keep_checkpoint(tmp_path / "other.ckpt", "nano_resnet")
    config = AttackConfig(
        fgsm=[2 / 255], pgd=[], sweep=[], transfer=True, surrogate=str(path), taig=[0.1]
    )
    assert keys(config) == ["clean/clean", "attacks/fgsm/2_255", "attacks/taig/0.1"]


def test_a_surrogate_of_the_study_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    path = keep_checkpoint(tmp_path / "other.ckpt", "nano_resnet")
    config = RobustnessConfig(attacks=AttackConfig(transfer=True, surrogate=str(path)))
    digest = other_network(str(path), Setting(config, DataConfig(), DIGITS), key="x").digest
    setting = Setting(config, DataConfig(), DIGITS, checkpoints={digest: "start, seed 1"})
    with pytest.raises(ValueError, match=r"other.ckpt is start, seed 1, which is asked itself"):
        conditions(["attacks"], setting)


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"num_classes": 3}, r"tells 3 classes apart and made-up images has 10"),
        ({"in_chans": 3}, r"cannot see images of 1 channels and 24 px: "),
    ],
)
def test_another_network_knows_classes_and_channels(
    tmp_path: Path, sizes: dict[str, int], sentence: str
) -> None:
    path = keep_checkpoint(tmp_path / "other.ckpt", "nano_resnet", **sizes)
    setting = Setting(RobustnessConfig(), DataConfig(), DIGITS)
    with pytest.raises(ValueError, match=rf"attacks.surrogate=.*other.ckpt {sentence}"):
        other_network(str(path), setting, key="attacks.surrogate")


def test_transfer_needs_a_surrogate() -> None:
    with pytest.raises(ValueError, match=r"attacks.transfer needs .*attacks.surrogate=timm/NAME"):
        AttackConfig(transfer=True)


def test_parts_of_other_suites() -> None:
    assert [one.key for one in quick_attacks()] == ["attacks/fgsm/1_255", "attacks/fgsm/8_255"]
    found = large_kernel_attacks(Setting(RobustnessConfig(), DataConfig(), DIGITS))
    assert [one.key for one in found] == [
        *(f"attacks/fgsm/{eps}" for eps in (0.1, 0.2, 0.3, 0.4)),
        *(f"attacks/pgd/{eps}" for eps in (0.002, 0.004, 0.006, 0.008)),
        *(f"attacks/pgd_steps/{steps}" for steps in (1, 2, 5, 10, 20)),
    ]
    assert found[4].parameters() == {"eps": 0.002, "steps": 5, "step": 0.0005, "restarts": 1}


def keys(config: AttackConfig) -> list[str]:
    setting = Setting(RobustnessConfig(attacks=config), DataConfig(), DIGITS)
    return [condition.key for condition in conditions(["attacks"], setting)]
