"""The key `robustness` of a study: short forms, what is refused, and what it does not change."""

from pathlib import Path
from typing import Any

import pytest

from ablations.planning.plan import index_of, make_plan
from ablations.studies.config import Study
from ablations.studies.robustness.config import SUITES, RobustnessConfig
from ablations.studies.robustness.said import planned_sentence
from ablations.studies.study_file import load_experiments, read_source, resolve_study

FILE = """
studies:
  short: {like: convnext_nano, robustness: quick}
  several: {like: convnext_nano, robustness: [quick, occlusion]}
  long:
    like: convnext_nano
    robustness:
      {suite: attacks, images: 100, attacks: {fgsm: [1/255, 0.5], steps: 3}, noise: {rms: 4/255}}
  below: {like: long, overrides: {robustness.images: 50}}
  other: {like: long, robustness: {suite: [analyses]}}
  none: {like: short, robustness: {}}
"""


def study(tmp_path: Path, name: str, *overrides: str, text: str = FILE) -> Study:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return resolve_study(read_source(path), name, overrides)


@pytest.mark.parametrize(
    ("name", "suite", "images"),
    [
        ("short", ["quick"], None),
        ("several", ["quick", "occlusion"], None),
        ("long", ["attacks"], 100),
        ("below", ["attacks"], 50),
        ("other", ["analyses"], None),
        ("none", [], None),
    ],
)
def test_a_study_says_its_suites(
    name: str, suite: list[str], images: int | None, tmp_path: Path
) -> None:
    found = study(tmp_path, name).robustness
    assert (found.suite, found.images) == (suite, images)


def test_parts_of_255_are_numbers(tmp_path: Path) -> None:
    found = study(tmp_path, "below").robustness
    assert found.attacks.fgsm == [1 / 255, 0.5]
    assert found.noise.rms == 4 / 255
    typed = study(tmp_path, "short", "robustness.attacks.fgsm=[8/255]").robustness
    assert (typed.suite, typed.attacks.fgsm) == (["quick"], [8 / 255])


def test_the_command_line_has_the_short_forms_too(tmp_path: Path) -> None:
    assert study(tmp_path, "long", "robustness=quick").robustness == RobustnessConfig(["quick"])
    both = study(
        tmp_path, "none", "robustness.suite=quick,ood", "robustness.ood.data=fashion_mnist"
    )
    assert both.robustness.suite == ["quick", "ood"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("robustness=corruption", "no such suite. Did you mean corruptions?"),
        ("robustness.suite=[quick,quick]", "has to name none twice"),
        ("robustness.imags=3", "Did you mean images?"),
        ("robustness.images=0", "robustness.images is 0, but it has to be from 1"),
        ("robustness.images=few", "whole number"),
        (
            "robustness.attacks.fgsm=[8]",
            "fgsm eps 8 is above 1: eps is in pixels of [0, 1]; did you mean 8/255?",
        ),
        ("robustness.attacks.pgd=[-0.1]", "robustness.attacks.pgd is -0.1"),
        ("robustness.attacks.taig=[0.1,0.1]", "has to list none twice"),
        ("robustness.occlusion.saliency=dno", "Did you mean dino?"),
        ("robustness.weights=averaged", "raw"),
        ("robustness.noise.rms=0", "robustness.noise.rms is 0"),
        ("robustness=imagenet", "1,000 classes of ImageNet in their order; digits has 10"),
        ("robustness=ood", "it needs robustness.ood.data=NAME"),
        ("robustness.after_run=yes please", "robustness.after_run"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(override: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="command line") as error:
        study(tmp_path, "short", override)
    assert said in str(error.value)
    assert override in str(error.value)


def test_a_file_is_refused_with_file_and_line(tmp_path: Path) -> None:
    text = "studies:\n  mine:\n    like: convnext_nano\n    robustness: {suite: quik}\n"
    with pytest.raises(ValueError, match=r"own\.yaml:4 .*quik: no such suite.*quick"):
        study(tmp_path, "mine", text=text)
    small = text.replace("quik}", "quick}\n    data: {name: digits, image_size: 8}")
    with pytest.raises(ValueError, match=r"own\.yaml:4 .*8 px are too small for corruptions"):
        study(tmp_path, "mine", text=small)


def test_a_suite_of_images_that_are_replaced_is_not_refused(tmp_path: Path) -> None:
    text = "studies: {mine: {like: robust_resnets}}"
    found = study(tmp_path, "mine", "data=fashion_mnist", text=text)
    assert found.robustness.suite == ["paper_robust_resnet"]
    with pytest.raises(ValueError, match="fashion_mnist has 10"):
        study(tmp_path, "mine", "data=fashion_mnist", "robustness=imagenet", text=text)


def test_after_run_needs_a_suite(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names no suite, such as quick"):
        study(tmp_path, "none", "robustness.after_run=true")


@pytest.mark.parametrize(
    "said", ["quick", {"suite": ["attacks"], "images": 3, "seed": 5, "after_run": True}]
)
def test_run_ids_do_not_depend_on_it(said: Any, tmp_path: Path) -> None:
    with_it = make_plan(study(tmp_path, "none", f"robustness={said}".replace("'", "")))
    without = make_plan(study(tmp_path, "none"))
    assert [row.run_id for row in with_it.rows] == [row.run_id for row in without.rows]
    assert with_it.study.robustness.suite
    assert "robustness" not in index_of(without, "")
    assert index_of(with_it, "")["robustness"]["suite"] == with_it.study.robustness.suite


def test_the_studies_of_both_papers_have_theirs() -> None:
    studies = load_experiments().studies
    for name, found in studies.items():
        suite = found.robustness.suite
        assert not found.robustness.after_run
        if name.startswith("robust_resnet"):
            assert suite == (["quick"] if name.endswith("_nano") else ["paper_robust_resnet"])
    for name in ("replknet", "convnext_tiny_kernels"):
        assert studies[name].robustness.suite == ["paper_large_kernels"]
        assert studies[f"{name}_nano"].robustness.suite == ["quick"]


def test_it_is_said_in_a_sentence() -> None:
    assert planned_sentence(RobustnessConfig(), ask="`x`") is None
    two = RobustnessConfig(["quick", "ood"], images=1000)
    assert planned_sentence(two, ask="`x`") == (
        "Robustness: once trained, networks are asked under suite quick and ood with 1,000 test "
        "images: `x`."
    )
    late = RobustnessConfig(["quick"], after_run=True)
    assert "`ablate run` does so at its end, and `x`." in str(planned_sentence(late, ask="`x`"))


def test_every_suite_is_registered() -> None:
    from ablations.robustness.conditions.suites import REGISTERED, suite

    assert all(suite(name).title for name in SUITES)
    assert set(REGISTERED) == set(SUITES)
