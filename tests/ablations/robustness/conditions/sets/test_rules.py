"""How an answer over ImageNet's classes becomes one in the classes of a public set."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch.nn.functional import cross_entropy

from ablations.robustness.conditions.answers import NotFiniteError
from ablations.robustness.conditions.arrays import CONFIDENCE, CORRECT, LOSS, PREDICTED
from ablations.robustness.conditions.sets.rules import AllClasses, GroupedClasses, SomeClasses

INDICES = np.arange(3)


def logits(seed: int = 0, classes: int = 6) -> torch.Tensor:
    return torch.randn(3, classes, generator=torch.Generator().manual_seed(seed))


def test_all_classes_are_judged_as_ever() -> None:
    labels = np.array([0, 5, 2])
    found = AllClasses(6, 6).answers(logits(), labels, INDICES)
    assert (found[PREDICTED] == logits().argmax(1).numpy()).all()
    expected = cross_entropy(logits(), torch.from_numpy(labels), reduction="none")
    assert np.allclose(found[LOSS], expected)


def test_only_kept_classes_are_predicted_and_share_the_softmax() -> None:
    rule, labels = SomeClasses((1, 3, 4)), np.array([1, 4, 3])
    found = rule.answers(logits(), labels, INDICES)
    kept = logits()[:, [1, 3, 4]]
    assert found[PREDICTED].tolist() == [[1, 3, 4][k] for k in kept.argmax(1)]
    assert (found[CORRECT] == (found[PREDICTED] == labels)).all()
    assert np.allclose(found[CONFIDENCE], kept.softmax(1).amax(1))
    expected = cross_entropy(kept, torch.tensor([0, 2, 1]), reduction="none")
    assert np.allclose(found[LOSS], expected)
    assert rule.chance == 1 / 3


@pytest.mark.parametrize("labelled", [True, False])
def test_a_large_logit_outside_of_the_mask_does_not_matter(labelled: bool) -> None:
    rule, labels = SomeClasses((1, 3, 4), labelled), np.array([1, 1, 1])
    before = rule.answers(logits(), labels, INDICES)
    larger = logits()
    larger[:, 5] = 100
    after = rule.answers(larger, labels, INDICES)
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


def test_images_of_no_class_are_neither_right_nor_wrong() -> None:
    found = SomeClasses((1, 3, 4), labelled=False).answers(logits(), np.full(3, -1), INDICES)
    assert set(found) == {PREDICTED, CONFIDENCE}


def test_confidence_of_unknown_images_gives_the_aupr_by_hand() -> None:
    """Sure of all known images and of one unknown: 3 unknown ones at ranks 1, 2 and 6 of 6."""
    rule = SomeClasses((0, 1), labelled=False)
    unsure = torch.tensor([[0.0, 0.1, 50.0], [0.2, 0.0, -9.0], [9.0, 0.0, 0.0]])
    known = torch.tensor([[4.0, 0.0, 99.0], [0.0, 5.0, 0.0], [6.0, 0.0, 0.0]])
    no_labels = np.full(3, -1)
    out = rule.answers(unsure, no_labels, INDICES)[CONFIDENCE]
    inside = rule.answers(known, no_labels, INDICES)[CONFIDENCE]
    scores, unknown = -np.concatenate([out, inside]), np.repeat([1, 0], 3)
    assert average_precision_score(unknown, scores) == pytest.approx((1 + 1 + 3 / 6) / 3)
    assert average_precision_score(1 - unknown, scores) != pytest.approx((1 + 1 + 3 / 6) / 3)


GROUPED = GroupedClasses((0, 0, 1, -1, 2, -1))


def test_a_class_of_no_group_is_wrong() -> None:
    sure = torch.full((3, 6), -4.0)
    sure[[0, 1, 2], [1, 3, 4]] = 4
    found = GROUPED.answers(sure, np.array([0, 0, 1]), INDICES)
    assert found[PREDICTED].tolist() == [0, -1, 2]
    assert found[CORRECT].tolist() == [True, False, False]
    assert GROUPED.chance == 1 / 3


def test_the_class_that_wins_says_the_group_not_the_sum_of_a_group() -> None:
    scores = torch.tensor([[1.0, 1.0, 1.2, -9.0, -9.0, -9.0]])
    found = GROUPED.answers(scores, np.array([0]), np.arange(1))
    assert found[PREDICTED].tolist() == [1]
    assert not found[CORRECT][0]
    probability = scores.softmax(1)[0, :2].sum()
    assert np.allclose(found[LOSS], -probability.log())


@pytest.mark.parametrize("rule", [AllClasses(6, 6), SomeClasses((0, 1)), GROUPED])
def test_answers_that_are_no_numbers_are_refused(rule: AllClasses) -> None:
    broken = logits()
    broken[1, 5] = torch.nan
    with pytest.raises(NotFiniteError, match="first that to image 1"):
        rule.answers(broken, np.array([0, 1, 0]), INDICES)
