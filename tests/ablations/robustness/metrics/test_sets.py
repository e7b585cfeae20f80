"""Metrics of whole studies: files of benchmarks, other classes, sequences, what is left out."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ablations import report
from ablations.compare.records import StudyRecord, load_study
from ablations.robustness.analysis import ROBUSTNESS
from ablations.robustness.metrics.alexnet import FLIP_PROBABILITY, alexnet_errors
from ablations.robustness.metrics.sets import MeasuredSet, measured_sets
from ablations.robustness.results.collected import collect
from ablations.robustness.results.image_lists import ImageList
from datamodules.benchmarks import entries
from datamodules.corruptions.names import CORRUPTIONS, EXTRA
from datamodules.perturbations.names import PERTURBATIONS
from tests.support.fabricate import fabricate_networks, fabricate_study
from tests.support.robustness.made_up import (
    LABELS,
    POINTS,
    STUDY,
    answer_study,
    image_list,
    keep_answer,
)

FILES = "sets/imagenet_c"
ALL = {
    f"{FILES}/{name}/{severity}": 20.0 + 5 * severity
    for name in CORRUPTIONS
    for severity in range(1, 6)
}
CLEAN = {"clean/clean": 10.0}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three points, two seeds, no answers yet."""
    fabricate_study(tmp_path, points=POINTS, seeds=(0, 1), data="digits")
    return tmp_path


def study(root: Path) -> StudyRecord:
    return load_study(STUDY, runs_root=root)


def sets(root: Path) -> Mapping[str, MeasuredSet]:
    """By the beginning of their conditions."""
    found = study(root)
    return {of.start: of for of in measured_sets(found, collect(found)[0])}


def value(of: MeasuredSet, metric: str, point: int = 0, seed: int = 0) -> float:
    found = of.metric(metric)
    assert found is not None, [one.name for one in of.metrics]
    return found.values[LABELS[point]][seed]


def answer(
    root: Path,
    key: str,
    arrays: Callable[[int, int], Mapping[str, NDArray[Any]]],
    images: int,
    *,
    classes: int = 10,
) -> None:
    """Answer a condition in every run: arrays of (point, seed)."""
    indices = np.arange(images)
    for place, point in enumerate(study(root).points):
        for run in point.runs:
            found = arrays(place, run.seed)
            data = key if key.startswith(("sets/", "ood/")) else "digits"
            asked = ImageList(indices, indices % classes)
            keep_answer(run.folder, key, found, images=asked, data=data)


def right_share(root: Path, key: str, point: int = 0, seed: int = 0) -> float:
    (found, *_) = collect(study(root))
    return float(found.right(key, LABELS[point], seed).mean())


def test_files_of_imagenet_c_are_divided_by_alexnet(root: Path) -> None:
    answer_study(root, ALL, data="imagenet_c", points=LABELS[:1])
    of = sets(root)[FILES]
    assert (of.title, of.in_memory) == ("ImageNet-C", False)
    ratios = [
        sum(1 - right_share(root, f"{FILES}/{name}/{s}") for s in range(1, 6)) / errors.sum()
        for name, errors in alexnet_errors().items()
    ]
    assert value(of, "mCE (AlexNet)") == pytest.approx(100 * np.mean(ratios))
    assert of.metric("mCE (first step)") is None
    assert of.metric("ratio of sums (first step)") is None


def test_a_missing_file_means_no_mce(root: Path) -> None:
    some = {key: share for key, share in ALL.items() if key != f"{FILES}/fog/3"}
    answer_study(root, some, data="imagenet_c", points=LABELS[:1])
    of = sets(root)[FILES]
    assert of.metric("mCE (AlexNet)") is None
    assert "ImageNet-C/fog/3 is missing; mCE needs all 75 (found 74)." in of.notes
    assert of.grid is not None
    assert set(CORRUPTIONS) - set(of.grid.corruptions) == {"fog"}  # the rest is shown
    assert of.metric("mean corrupted error") is not None


def test_files_never_share_a_column_with_what_is_made_in_memory(root: Path) -> None:
    memory = {key.replace(FILES, "corruptions"): share for key, share in ALL.items()}
    answer_study(root, CLEAN | memory, points=LABELS[:1])
    answer_study(root, ALL, data="imagenet_c", points=LABELS[:1])
    found = sets(root)
    assert found["corruptions"].title != found[FILES].title
    rows = report.rows(STUDY, runs_root=root)
    section = ROBUSTNESS.section(study(root), rows)
    assert section is not None
    columns = [h for h in section.tables[0].headings if "mean corrupted error" in h]
    assert columns == [
        "handwritten digits-C (in memory): mean corrupted error (%)",
        "ImageNet-C: mean corrupted error (%)",
    ]


def test_retained_accuracy_takes_the_same_images_clean(root: Path) -> None:
    answer_study(root, ALL, data="imagenet_c", points=LABELS[:1])
    answer_study(root, CLEAN, images=image_list(100))
    assert sets(root)[FILES].metric("retained accuracy") is None
    answer_study(root, CLEAN, images=image_list(200))
    assert sets(root)[FILES].metric("retained accuracy") is not None


def test_what_is_too_easy_for_the_reference_is_left_out_for_all(root: Path) -> None:
    wrong = {f"corruptions/{name}/3": 40.0 for name in CORRUPTIONS} | {
        "corruptions/brightness/3": 2.0
    }
    answer_study(root, CLEAN | wrong)
    of = sets(root)["corruptions"]
    least = min(
        round(200 * (1 - right_share(root, "corruptions/brightness/3", 0, seed))) for seed in (0, 1)
    )
    (note,) = (note for note in of.notes if "too few" in note)
    assert note.startswith(f"ResNet-nano has {least} wrong image")
    assert note.endswith(
        "under brightness, too few to divide by (10 at least): brightness is left out of mCE for "
        "every step."
    )
    ratios = [
        (1 - right_share(root, f"corruptions/{name}/3", 1))
        / (1 - right_share(root, f"corruptions/{name}/3", 0))
        for name in CORRUPTIONS
        if name != "brightness"
    ]
    assert value(of, "mCE (first step)", point=1) == pytest.approx(100 * np.mean(ratios))
    every = [100 * (1 - right_share(root, f"corruptions/{n}/3", 1)) for n in CORRUPTIONS]
    assert value(of, "mean corrupted error", point=1) == pytest.approx(np.mean(every))


def test_severity_5_takes_all_nineteen(root: Path) -> None:
    wrong = {f"corruptions/{name}/5": 40.0 for name in (*CORRUPTIONS, *EXTRA)}
    answer_study(root, wrong, points=LABELS[:1])
    of = sets(root)["corruptions"]
    mean = np.mean([right_share(root, key) for key in wrong])
    assert value(of, "severity-5 accuracy") == pytest.approx(100 * mean)
    fifteen = [100 * (1 - right_share(root, f"corruptions/{n}/5")) for n in CORRUPTIONS]
    assert value(of, "mean corrupted error") == pytest.approx(np.mean(fifteen))


def test_severity_5_needs_the_extra_four(root: Path) -> None:
    answer_study(root, {f"corruptions/{name}/5": 40.0 for name in CORRUPTIONS})
    assert sets(root)["corruptions"].metric("severity-5 accuracy") is None


@pytest.mark.parametrize("falls", [False, True])
def test_effective_robustness_of_five_networks(tmp_path: Path, falls: bool) -> None:
    names = ["a", "b", "c", "d", "e"]
    fabricate_networks(tmp_path, {n: ["nano_convnext"] for n in names}, data="digits", seeds=[0])
    found = load_study("made_up", runs_root=tmp_path)
    shares = {}
    for place, point in enumerate(found.points):
        clean, corrupted = 90 - 10 * place, 68 - 12 * place - (6 if place == 2 else 0)
        if falls:
            corrupted = 20 + 12 * place - (6 if place == 2 else 0)
        shares[point.label] = clean / 100, corrupted / 100
        for key, many in (("clean/clean", clean), ("corruptions/fog/3", corrupted)):
            right = np.arange(100) < many
            keep_answer(point.runs[0].folder, key, {"correct": right}, images=image_list(100))
    of = {s.start: s for s in measured_sets(found, collect(found)[0])}["corruptions"]
    assert any("does not rise" in note for note in of.notes) == falls
    metric = of.metric("effective robustness")
    assert metric is not None
    for label, (clean_share, share) in shares.items():
        others = np.array([pair for other, pair in shares.items() if other != label])
        x, y = np.log(others / (1 - others)).T
        slope, intercept = np.polyfit(x, y, 1)
        there = 1 / (1 + np.exp(-(slope * np.log(clean_share / (1 - clean_share)) + intercept)))
        assert metric.values[label][0] == pytest.approx(100 * (share - there))
    assert metric.values[found.points[2].label][0] < -1  # below the line of the others


def ranked(place: int, seed: int, *, steady: float) -> NDArray[np.int16]:
    draws = np.random.default_rng([place, seed])
    frames = np.broadcast_to(np.arange(8), (20, 7, 8)).copy()
    for sequence, frame in np.argwhere(draws.random((20, 7)) > steady):
        frames[sequence, frame] = draws.permutation(8)
    return frames[:, :, :5].astype(np.int16)


def test_sequences_are_divided_by_the_reference(root: Path) -> None:
    for key in ("gaussian_noise", "translate"):
        answer(
            root,
            f"perturbations/{key}",
            lambda place, seed: {"top5": ranked(place, seed, steady=0.5 + 0.1 * place)},
            20,
        )
    of = sets(root)["perturbations"]
    assert "2 of the 10 sequences were asked about." in of.notes
    flips = {}
    for place in (0, 1):
        best = ranked(place, 1, steady=0.5 + 0.1 * place)[:, :, 0]
        noise = (best[:, 1:] != best[:, :1]).mean()
        moved = (best[:, 1:] != best[:, :-1]).mean()
        flips[place] = noise, moved
        assert value(of, "flip probability", place, 1) == pytest.approx((noise + moved) / 2)
    ratio = np.mean([flips[1][k] / flips[0][k] for k in (0, 1)])
    assert value(of, "mFR (first step)", 1, 1) == pytest.approx(100 * ratio)
    assert value(of, "mT5D (first step)", 0, 1) == 100


def test_ten_files_of_sequences_are_divided_by_alexnet(root: Path) -> None:
    for name in PERTURBATIONS:
        answer(
            root,
            f"sets/imagenet_p/{name}",
            lambda place, seed: {"top5": ranked(place, seed, steady=0.7)},
            20,
        )
    of = sets(root)["sets/imagenet_p"]
    best = ranked(0, 0, steady=0.7)[:, :, 0]
    to_first = (best[:, 1:] != best[:, :1]).mean()
    moved = (best[:, 1:] != best[:, :-1]).mean()
    ratios = [
        (to_first if "noise" in name else moved) / FLIP_PROBABILITY[name] for name in PERTURBATIONS
    ]
    assert value(of, "mFR (AlexNet)") == pytest.approx(100 * np.mean(ratios))
    assert value(of, "mT5D (first step)") == 100


def test_distances_of_alexnet_are_the_users(root: Path) -> None:
    for name in PERTURBATIONS:
        answer(
            root,
            f"sets/imagenet_p/{name}",
            lambda place, seed: {"top5": ranked(place, seed, steady=0.7)},
            20,
        )
    file, index = root / "t5d.json", root / "studies" / STUDY / "index.json"
    told = json.loads(index.read_text()) | {"robustness": {"alexnet_t5d": str(file)}}
    index.write_text(json.dumps(told))
    assert "t5d.json" in sets(root)["sets/imagenet_p"].notes[-1]  # there is none
    file.write_text(json.dumps(dict.fromkeys(PERTURBATIONS, 2.0)))
    of = sets(root)["sets/imagenet_p"]
    mean = value(of, "top-5 distance")
    assert value(of, "mT5D (AlexNet)") == pytest.approx(100 * mean / 2)
    file.write_text(json.dumps({"fog": 1.0}))
    of = sets(root)["sets/imagenet_p"]
    assert of.metric("mT5D (AlexNet)") is None
    assert "no mT5D by AlexNet" in of.notes[-1]


def test_five_classes_have_no_ranking_distance(root: Path) -> None:
    few = np.broadcast_to(np.arange(5), (20, 7, 5)).astype(np.int16)
    answer(root, "perturbations/translate", lambda place, seed: {"top5": few}, 20, classes=5)
    of = sets(root)["perturbations"]
    assert of.metric("top-5 distance") is None
    assert "Top-5 distance needs 6 classes; this network has 5." in of.notes
    assert any("never changes its answer under translate" in note for note in of.notes)


def test_images_of_other_classes(root: Path) -> None:
    def confidence(place: int, seed: int) -> Mapping[str, NDArray[Any]]:
        draws = np.random.default_rng([place, seed])
        return {"confidence": draws.random(40).astype(np.float32)}

    answer_study(root, CLEAN, images=image_list(120))
    answer(root, "ood/fashion_mnist", confidence, 40)
    of = sets(root)["ood/fashion_mnist"]
    assert [metric.name for metric in of.metrics] == ["AUPR", "AUROC", "FPR at 95 % TPR"]
    assert of.metrics[0].chance == 25
    own = collect(study(root))[0].arrays("clean/clean", LABELS[1], 0)["confidence"]
    above = confidence(1, 0)["confidence"][:, None] < own  # an unknown image is less sure
    assert value(of, "AUROC", 1) == pytest.approx(100 * above.mean())


def test_imagenet_o_compares_its_own_two_sets(root: Path) -> None:
    low = {"confidence": np.full(10, 0.2, np.float32)}
    high = {"confidence": np.full(50, 0.9, np.float32)}
    answer(root, "sets/imagenet_o/out", lambda place, seed: low, 10)
    assert "sets/imagenet_o" not in sets(root)
    answer(root, "sets/imagenet_o/in", lambda place, seed: high, 50)
    of = sets(root)["sets/imagenet_o"]
    assert value(of, "AUPR") == 100
    assert of.metrics[0].chance == pytest.approx(100 / 6)


def test_the_gap_between_backgrounds(root: Path) -> None:
    nine = {"sets/imagenet_9/mixed_same": 20.0, "sets/imagenet_9/mixed_rand": 40.0}
    answer_study(root, nine, data="imagenet_9")
    of = sets(root)["sets/imagenet_9"]
    same, rand = (right_share(root, key) for key in nine)
    assert value(of, "BG-Gap") == pytest.approx(100 * (same - rand))
    assert value(of, "top-1 mixed_rand") == pytest.approx(100 * rand)


def test_transfer_attacks_have_success_rates(root: Path) -> None:
    answer_study(root, CLEAN | {"attacks/taig/0.03": 60.0})
    of = sets(root)["attacks"]
    (found, *_) = collect(study(root))
    before, after = (found.right(k, LABELS[0], 0) for k in ("clean/clean", "attacks/taig/0.03"))
    assert value(of, "success rate taig/0.03") == pytest.approx(100 * np.mean(~after))
    among = np.mean(~after[before])
    assert value(of, "success rate of right taig/0.03") == pytest.approx(100 * among)


def test_noise_is_what_is_lost(root: Path) -> None:
    answer_study(root, CLEAN | {"analyses/noise/0.35": 60.0})
    of = sets(root)["analyses"]
    lost = right_share(root, "clean/clean") - right_share(root, "analyses/noise/0.35")
    assert value(of, "loss noise/0.35") == pytest.approx(100 * lost)


def test_a_wrong_order_of_classes_is_doubted(root: Path) -> None:
    answer_study(root, CLEAN)
    answer_study(
        root, {"sets/imagenet_r": 100.5}, data="imagenet_r", parameters={"chance": 0.005}, gain=0
    )
    section = ROBUSTNESS.section(study(root), report.rows(STUDY, runs_root=root))
    assert section is not None
    assert "Check that the network's outputs are in the order" in "\n".join(section.sentences)


@pytest.mark.parametrize("whole", [True, False])
def test_published_values_stand_beside_the_same_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    networks = {"kernel-3": ["convnext_tiny_k3"], "kernel-7": ["convnext_tiny_k7"]}
    fabricate_networks(
        tmp_path,
        networks,
        published="lkrobust_kernels",
        data="imagenet",
        image_size=224,
        epochs=120,
        seeds=[0],
    )
    found = load_study("made_up", runs_root=tmp_path)
    for point in found.points:
        for key in ("sets/imagenet_a", "sets/imagenet_r"):
            right = np.arange(100) < 30
            keep_answer(
                point.runs[0].folder, key, {"correct": right}, images=image_list(100), data=key
            )
    if whole:
        kept = {
            name: _of_images(entry, 100) if name == "imagenet_a" else entry
            for name, entry in entries.SETS.items()
        }
        monkeypatch.setattr("ablations.robustness.shown.published.SETS", kept)
    section = ROBUSTNESS.section(found, report.rows("made_up", runs_root=tmp_path))
    assert section is not None
    table, said = section.tables[0], "\n".join(section.sentences)
    if whole:
        assert table.headings[1:] == ("ImageNet-A: top-1 (%)", "published", "ImageNet-R: top-1 (%)")
        assert [line[1:3] for line in table.rows] == [("30.00", "5.2"), ("30.00", "7.76")]
    else:
        assert "published" not in table.headings
    assert (
        "ImageNet-R: 2 published values are not beside the measured ones (of 30,000 images, where "
        "100 were asked about)." in said
    )


def _of_images(entry: entries.PublicSet, images: int) -> entries.PublicSet:
    return entries.PublicSet(**{**vars(entry), "images": images})
