"""Which stored answers of a study are compared, and on which images."""

import os
from pathlib import Path

import numpy as np
import pytest

from ablations.compare.records import StudyRecord, load_study
from ablations.robustness.conditions import definitions
from ablations.robustness.results import choice
from ablations.robustness.results.collected import Collected, collect
from ablations.robustness.results.kept import Kept
from ablations.robustness.results.stored import answered
from ablations.store.runs import run_path
from tests.support.fabricate import fabricate_study
from tests.support.robustness.made_up import (
    LABELS,
    POINTS,
    STUDY,
    answer_study,
    class_answers,
    image_list,
    keep_answer,
)

FOG = "corruptions/fog/3"
TWO = {"clean/clean": 10.0, FOG: 40.0}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three points, two seeds, no answers yet."""
    fabricate_study(tmp_path, points=POINTS, seeds=(0, 1), data="digits")
    return tmp_path


def study(root: Path) -> StudyRecord:
    return load_study(STUDY, runs_root=root)


def first(root: Path) -> Collected:
    return collect(study(root))[0]


def folder(root: Path, point: int, seed: int) -> Path:
    return run_path(root, study(root).points[point].runs[seed].run_id)


def fog(root: Path, point: int, seed: int, *, images: int, wrong: int, version: int = 1) -> None:
    """An answer to fog with the first `wrong` images wrong."""
    asked = image_list(images)
    right = np.arange(images) >= wrong
    draws = np.random.default_rng(0)
    arrays = class_answers(right, asked.labels, draws)
    keep_answer(folder(root, point, seed), FOG, arrays, images=asked, version=version)


def test_every_answer_is_found(root: Path) -> None:
    answer_study(root, TWO)
    found = first(root)
    assert found.points == LABELS
    assert found.runs(*TWO) == tuple((label, seed) for label in LABELS for seed in (0, 1))
    assert (found.stale, found.problems) == (0, ())
    kept = found.kept[FOG]
    assert (kept.count, kept.most, kept.version) == (200, 200, 1)
    for point, seed in found.runs(FOG):
        files = answered(folder(root, LABELS.index(point), seed)).values()
        (stored,) = (one for one in files if one.condition == FOG)
        assert found.right(FOG, point, seed).tolist() == stored.arrays()["correct"].tolist()


def test_a_study_without_answers_has_none(root: Path) -> None:
    assert collect(study(root)) == ()


def test_only_shared_images_are_compared(root: Path) -> None:
    answer_study(root, TWO, points=LABELS[:2], images=image_list(200))
    answer_study(root, TWO, points=LABELS[2:], images=image_list(range(50, 120)))
    found = first(root)
    kept = found.kept[FOG]
    assert (kept.count, kept.most) == (70, 200)
    assert kept.shared.indices.tolist() == list(range(50, 120))
    assert kept.shared.labels.tolist() == [number % 10 for number in range(50, 120)]
    whole = answered(folder(root, 0, 0)).values()
    (stored,) = (one for one in whole if one.condition == FOG)
    for name, array in stored.arrays().items():
        part = found.arrays(FOG, LABELS[0], 0)[name]
        assert np.array_equal(part, array[50:120]), name


def test_answers_about_two_lists_are_one(root: Path) -> None:
    answer_study(root, TWO, images=image_list(60))
    answer_study(root, TWO, images=image_list(range(40, 90)), points=LABELS[:2])
    answer_study(root, TWO, images=image_list(range(30, 100)), points=LABELS[2:])
    kept = first(root).kept[FOG]
    assert (kept.count, kept.most) == (90, 100)
    assert kept.shared.indices.tolist() == list(range(90))
    seen = first(root).right(FOG, LABELS[0], 1, indices=np.array([89, 3, 41]))
    parts = [
        one.arrays()["correct"]
        for one in answered(folder(root, 0, 1)).values()
        if one.condition == FOG
    ]
    by_image = dict(zip(range(60), parts[0], strict=True))
    by_image |= dict(zip(range(40, 90), parts[1], strict=True))
    assert seen.tolist() == [by_image[89], by_image[3], by_image[41]]


def test_images_that_nobody_was_asked_about_are_an_error(root: Path) -> None:
    answer_study(root, TWO, images=image_list(60))
    with pytest.raises(ValueError, match="not asked about"):
        first(root).right(FOG, LABELS[0], 0, indices=np.array([59, 60]))


def test_an_earlier_definition_is_stale(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_study(root, TWO)
    monkeypatch.setattr(definitions, "CHANGED", {"corruptions/fog": 2})
    choice_before = first(root)
    assert choice_before.stale == 6
    assert choice_before.keys("corruptions") == ()
    fog(root, 0, 0, images=200, wrong=50, version=2)
    now = first(root)
    assert now.stale == 5  # one was renewed
    assert now.runs(FOG) == ((LABELS[0], 0),)
    assert now.right(FOG, LABELS[0], 0).sum() == 150


def test_definitions_go_by_the_longest_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "CHANGED", {"corruptions": 2, "corruptions/fog": 3})
    keys = ("corruptions/fog/3", "corruptions/foggy/3", "corruptions/snow/1", "clean/clean")
    assert [definitions.definition(key) for key in keys] == [3, 2, 2, 1]


def test_other_parameters_replace_those_before(root: Path) -> None:
    answer_study(root, TWO, parameters={"reencode": None})
    answer_study(root, {FOG: 60.0}, points=LABELS[:1], parameters={"reencode": 85})
    _later(root, point=0)
    found = first(root)
    assert found.kept[FOG].parameters == {"reencode": 85}
    assert found.runs(FOG) == ((LABELS[0], 0), (LABELS[0], 1))
    assert found.stale == 4  # of the two other points


def _later(root: Path, *, point: int) -> None:
    """Make the last answers of a point's runs a minute younger than all others."""
    for seed in (0, 1):
        path = folder(root, point, seed) / "robustness" / "manifest.jsonl"
        *before, last = path.read_text().rpartition('"written": "')
        path.write_text("".join(before) + "2999" + last[4:])


def test_another_side_has_its_own_parameters(root: Path) -> None:
    answer_study(root, TWO, points=LABELS[:2], parameters={"table": 32})
    answer_study(root, TWO, points=LABELS[2:], parameters={"table": 64}, side=64)
    found = first(root)
    assert len(found.runs(FOG)) == 6
    assert found.stale == 0


def test_averages_and_other_data_stand_apart(root: Path) -> None:
    answer_study(root, TWO)
    answer_study(root, TWO, points=LABELS[:2], weights="ema")
    answer_study(root, TWO, points=LABELS[:1], data="fashion_mnist")
    asked = [(one.asked.data, one.asked.weights, len(one.points)) for one in collect(study(root))]
    assert asked == [('"digits"', "raw", 3), ('"digits"', "ema", 2), ('"fashion_mnist"', "raw", 1)]


def test_images_that_conditions_bring_stand_beside_the_own_data(root: Path) -> None:
    answer_study(root, TWO)
    answer_study(root, {"ood/fashion_mnist": 50.0}, data="fashion_mnist")
    (found,) = collect(study(root))
    assert found.keys("ood") == ("ood/fashion_mnist",)


def test_answers_of_other_weights_are_stale(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_study(root, TWO)
    path = folder(root, 1, 0) / choice.CHECKPOINT
    path.parent.mkdir()
    path.write_bytes(b"trained again")
    os.utime(path, (4e9, 4e9))  # later than the answers
    found = first(root)
    assert found.stale == 2
    assert not found.kept[FOG].has(LABELS[1], 0)
    monkeypatch.setattr(choice, "checksum", lambda path: "0" * 64)
    os.utime(path, (4e9 + 1, 4e9 + 1))  # only copied
    assert first(root).kept[FOG].has(LABELS[1], 0)


def test_a_damaged_file_is_told_and_the_others_are_read(root: Path) -> None:
    answer_study(root, TWO)
    damaged = next((folder(root, 0, 0) / "robustness" / "corruptions").iterdir())
    damaged.write_bytes(b"nothing")
    found = first(root)
    assert not found.kept[FOG].has(LABELS[0], 0)
    assert len(found.runs(FOG)) == 5
    (said,) = found.problems
    assert str(damaged) in said


def test_a_damaged_manifest_is_told(root: Path) -> None:
    answer_study(root, TWO, points=LABELS[:1])
    for seed in (0, 1):
        (folder(root, 0, seed) / "robustness" / "manifest.jsonl").write_text("{\n")
    found = first(root)
    assert found.kept == {}
    assert len(found.problems) == 2


def test_kept_says_who_answered(root: Path) -> None:
    fog(root, 2, 1, images=10, wrong=4)
    kept: Kept = first(root).kept[FOG]
    assert kept.has(LABELS[2], 1)
    assert not kept.has(LABELS[2], 0)
