"""What images are called in a report."""

from pathlib import Path
from typing import Any

import pytest

from ablations.compare.records import load_study
from ablations.robustness.results.collected import collect
from ablations.robustness.results.titles import set_title, title
from tests.support.robustness.made_up import STUDY, answer_study, answered_study, image_list

FEW = {"clean/clean": 10.0}


def test_made_in_memory_and_files_of_a_benchmark_have_names_of_their_own(tmp_path: Path) -> None:
    answered_study(tmp_path)
    study = load_study(STUDY, runs_root=tmp_path)
    (found,) = collect(study)
    name = title(study, found)
    assert set_title(study, found, "corruptions") == f"{name}-C (in memory)"
    assert set_title(study, found, "perturbations") == f"{name}-P (in memory)"
    assert set_title(study, found, "sets/imagenet_c") == "ImageNet-C"
    assert set_title(study, found, "sets/cifar10_c") == "CIFAR-10-C"
    assert set_title(study, found, "ood/fashion_mnist") == "Fashion-MNIST"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"data": "fashion_mnist"}, "Fashion-MNIST"),
        ({"data": "no such data"}, "no such data"),
        ({"weights": "ema"}, "moving average"),
    ],
)
def test_other_data_and_other_weights_are_told(
    tmp_path: Path, how: dict[str, Any], said: str
) -> None:
    answered_study(tmp_path)
    answer_study(tmp_path, FEW, images=image_list(20), **how)
    study = load_study(STUDY, runs_root=tmp_path)
    own, other = collect(study)
    assert said in title(study, other)
    assert said not in title(study, own)
