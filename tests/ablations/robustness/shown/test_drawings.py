"""What the figures of a study's answers show: which values, where, of which images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from ablations.compare.comparison import study_rows
from ablations.compare.drawing import Drawing
from ablations.compare.records import StudyRecord, load_study
from ablations.figures.style import figure_style
from ablations.robustness.conditions.arrays import AREA, CORRECT, MASKED
from ablations.robustness.metrics.grid import corruption_grid
from ablations.robustness.results.collected import Collected, collect
from ablations.robustness.shown.figures.drawings import drawings
from ablations.robustness.shown.figures.panels import (
    Part,
    attack_parts,
    noise_parts,
    number_of,
    occlusion_parts,
    severity_parts,
)
from ablations.robustness.shown.figures.series import top1_series
from ablations.robustness.shown.figures.shifts import shift_panels
from ablations.store.runs import run_path
from datamodules.corruptions.names import GROUPS
from lit_models import TRAJECTORIES
from tests.support.fabricate import cumulative, fabricate_study
from tests.support.robustness.made_up import (
    LABELS,
    STUDY,
    answer_study,
    answered_study,
    class_answers,
    image_list,
    keep_answer,
)

SHARES = ("0.1", "0.5", "0.9")
FURTHER: Mapping[str, float] = {
    **{f"occlusion/random/{share}": 10 + 80 * float(share) for share in SHARES},
    **{f"occlusion/salient/{share}": 10 + 80 * float(share) for share in SHARES},
    **{f"attacks/pgd_steps/{steps}": 20 + steps for steps in (1, 5, 20)},
    **{f"analyses/noise/{ring}": 10 + 40 * float(ring) for ring in ("0.05", "0.95")},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with answers of several suites."""
    runs = tmp_path_factory.mktemp("runs")
    answered_study(runs)
    answer_study(runs, FURTHER, parameters={"eps": 0.006, "rms": 8 / 255})
    return runs


def read(root: Path) -> tuple[StudyRecord, Collected]:
    """The study and its answers."""
    study = load_study(STUDY, runs_root=root)
    return study, collect(study)[0]


def severity(root: Path) -> tuple[Part, ...]:
    """The panels of corruptions in memory."""
    study, collected = read(root)
    grid = corruption_grid(collected)
    assert grid is not None
    return severity_parts(study, collected, grid)


def figures(root: Path, *, suffix: str = "") -> tuple[Drawing, ...]:
    """The figures of a study's answers."""
    study, collected = read(root)
    return drawings(study, study_rows(study), collected, suffix=suffix)


def top1(root: Path, key: str, point: str, seed: int) -> float:
    """Top-1 in %, straight from the file of an answer."""
    study = load_study(STUDY, runs_root=root)
    (run,) = (one for one in study.runs if (one.point, one.seed) == (point, seed))
    kind, name = key.split("/", 1)
    pattern = f"robustness/{kind}/{name.replace('/', '-')}-*.npz"
    (path,) = run_path(root, run.run_id).glob(pattern)
    with np.load(path) as found:
        return 100 * float(found[CORRECT].mean())


def values(part: Part, point: str) -> dict[float, dict[int, float]]:
    """What a panel has of a point: by x and seed."""
    (curve,) = (one for one in part.panel.curves if one.label == point)
    return {x: {s: v[n] for s, v in curve.seeds.items()} for n, x in enumerate(curve.x)}


def test_error_by_severity_is_the_mean_over_a_group_and_clean_at_zero(root: Path) -> None:
    parts = severity(root)
    assert [part.panel.title.partition(":")[0] for part in parts] == list(GROUPS)
    found = values(parts[1], LABELS[1])
    each = [top1(root, f"corruptions/{name}/3", LABELS[1], 1) for name in GROUPS["blur"]]
    assert found[3][1] == pytest.approx(100 - np.mean(each))
    assert found[0][1] == pytest.approx(100 - top1(root, "clean/clean", LABELS[1], 1))
    assert list(found) == [0, 1, 3, 5]
    assert parts[1].panel.ticks == {0: "clean", 1: "1", 3: "3", 5: "5"}


def test_dropped_patches_and_attacks_begin_with_the_images_unchanged(root: Path) -> None:
    study, collected = read(root)
    random, salient = occlusion_parts(study, collected)
    found = values(random, LABELS[2])
    assert list(found) == [0, 0.1, 0.5, 0.9]
    assert found[0][0] == pytest.approx(top1(root, "clean/clean", LABELS[2], 0))
    assert found[0.9][0] == pytest.approx(top1(root, "occlusion/random/0.9", LABELS[2], 0))
    assert "saliency" in salient.panel.x_label
    fgsm, steps = attack_parts(study, collected)
    assert list(fgsm.panel.ticks or {}) == [0, 1 / 255, 8 / 255]
    assert list((fgsm.panel.ticks or {}).values()) == ["0", "1/255", "8/255"]
    assert list(values(steps, LABELS[0])) == [0, 1, 5, 20]


def test_noise_is_shown_as_what_is_lost_against_clean_images(root: Path) -> None:
    (part,) = noise_parts(*read(root))
    found = values(part, LABELS[0])
    lost = top1(root, "clean/clean", LABELS[0], 1) - top1(root, "analyses/noise/0.95", LABELS[0], 1)
    assert found[0.95][1] == pytest.approx(lost)
    assert found[0.95][1] > 0
    assert list(found) == [0.05, 0.95]


def test_the_figures_are_those_of_what_was_asked_and_say_of_what_they_are(root: Path) -> None:
    found = figures(root)
    assert [one.name for one in found] == [
        "robustness_changes_corruptions",
        "robustness_severity_corruptions",
        "robustness_clean",
        "robustness_occlusion",
        "robustness_attacks",
        "robustness_noise",
    ]
    for one in (*found[:2], *found[3:]):
        assert "200 images" in one.caption
        assert "seed 0 of the evaluation" in one.caption
    _, by_severity, _, _, attacks, noise = found
    assert by_severity.heading == "Error by severity: handwritten digits-C (in memory)"
    assert "share of saliency" in found[3].caption
    assert "at a largest change of 0.006" in attacks.caption
    assert "TAIG" not in attacks.caption
    assert "8/255" in noise.caption
    with figure_style():
        axes = by_severity.draw().axes
    assert len(axes) == len(GROUPS)
    drawn = {str(line.get_label()): np.asarray(line.get_ydata()) for line in axes[0].lines}
    means = [np.mean([top1(root, "clean/clean", LABELS[0], seed) for seed in (0, 1)])]
    assert drawn[LABELS[0]][0] == pytest.approx(100 - means[0])


def test_a_suffix_tells_data_sets_apart(root: Path) -> None:
    names = [one.name for one in figures(root, suffix="_2")]
    assert names[-1] == "robustness_noise_2"


def test_the_corruptions_of_a_group_are_the_same_for_all_points(tmp_path: Path) -> None:
    fabricate_few(tmp_path)
    answer_study(tmp_path, {"clean/clean": 5, "corruptions/snow/3": 20, "corruptions/fog/3": 40})
    answer_study(tmp_path, {"corruptions/frost/3": 90}, points=LABELS[:1])
    (part,) = severity(tmp_path)
    assert part.panel.title == "weather: mean of snow, fog"
    assert [curve.label for curve in part.panel.curves] == list(LABELS)


def test_a_mean_over_conditions_is_not_drawn_of_a_point_that_lacks_one(tmp_path: Path) -> None:
    fabricate_few(tmp_path)
    answer_study(tmp_path, {"clean/clean": 5, "corruptions/snow/3": 20})
    answer_study(tmp_path, {"corruptions/frost/3": 90}, points=LABELS[:1])
    places = {3.0: ("corruptions/snow/3", "corruptions/frost/3")}
    series = top1_series(*read(tmp_path), places)
    assert [curve.label for curve in series.curves] == [LABELS[0]]


def test_clean_values_are_of_the_same_images(tmp_path: Path) -> None:
    fabricate_few(tmp_path)
    answer_study(tmp_path, {"clean/clean": 30}, images=image_list(100))
    answer_study(tmp_path, {"occlusion/random/0.5": 60}, images=image_list(range(50)))
    (part,) = occlusion_parts(*read(tmp_path))
    run = run_path(tmp_path, load_study(STUDY, runs_root=tmp_path).runs[0].run_id)
    with np.load(next(run.glob("robustness/clean/*.npz"))) as found:
        right = found[CORRECT]
    assert part.images == 50
    assert values(part, LABELS[0])[0][0] == pytest.approx(100 * right[:50].mean())
    assert right[:50].mean() != right.mean()


def test_areas_stand_below_shares_of_saliency_and_masked_gradients_are_told(
    tmp_path: Path,
) -> None:
    fabricate_few(tmp_path)
    images = image_list(40)
    for run in load_study(STUDY, runs_root=tmp_path).runs:
        folder, draws = run_path(tmp_path, run.run_id), np.random.default_rng(run.seed)
        arrays = class_answers(draws.random(40) > 0.3, images.labels, draws)
        area = {**arrays, AREA: np.full(40, 0.12, np.float32)}
        keep_answer(folder, "occlusion/salient/0.3", area, images=images)
        masked = {**arrays, MASKED: np.arange(40) < 10}
        keep_answer(folder, "attacks/fgsm/8_255", masked, images=images)
    study, collected = read(tmp_path)
    (part,) = occlusion_parts(study, collected)
    assert (part.panel.ticks or {})[0.3] == "0.3\n12 %"
    assert "of the area" in part.panel.x_label
    attacks = figures(tmp_path)[1]
    assert "up to 25 % of the images" in attacks.caption
    assert "FGSM at 8/255" in attacks.caption


def test_without_answers_there_is_no_figure(tmp_path: Path) -> None:
    fabricate_few(tmp_path)
    answer_study(tmp_path, {"clean/clean": 30})
    assert figures(tmp_path) == ()


def test_a_study_that_is_half_evaluated_is_shown_as_far(tmp_path: Path) -> None:
    fabricate_few(tmp_path)
    answer_study(tmp_path, {"clean/clean": 30})
    answer_study(tmp_path, {"attacks/fgsm/8_255": 60}, points=LABELS[1:2])
    (figure,) = figures(tmp_path)
    with figure_style():
        (axes,) = figure.draw().axes
    assert [str(line.get_label()) for line in axes.lines] == [LABELS[1]]


def test_clean_against_corrupted_accuracy_is_of_the_same_images(root: Path) -> None:
    (panel,) = shift_panels(*read(root))
    assert panel.line is None  # three points are too few
    each = [
        top1(root, f"corruptions/{name}/{severity}", LABELS[1], 1)
        for group in GROUPS.values()
        for name in group
        for severity in (1, 3, 5)
    ]
    assert panel.points[1].changed[1] == pytest.approx(np.mean(each))
    assert panel.points[1].clean[1] == pytest.approx(top1(root, "clean/clean", LABELS[1], 1))
    assert panel.title.endswith("mean of 15 corruptions, severities 1, 3, 5, 200 images")


def test_sets_of_other_images_have_panels_and_their_ends_are_finite(tmp_path: Path) -> None:
    fabricate_few(tmp_path)
    answer_study(tmp_path, {"clean/clean": 0, "sets/imagenet_a": 100, "sets/stylized": 60})
    none, some = shift_panels(*read(tmp_path))
    assert none.title == "ImageNet-A, 200 images"
    assert none.points[0].clean[0] == pytest.approx(100 - 50 / 200)
    assert none.points[0].changed[0] == pytest.approx(50 / 200)
    assert some.title == "Stylized-ImageNet, 200 images"


@pytest.mark.parametrize(
    ("key", "number"), [("attacks/fgsm/8_255", 8 / 255), ("attacks/pgd/0.006", 0.006), ("a/b/3", 3)]
)
def test_the_number_of_a_condition(key: str, number: float) -> None:
    assert number_of(key) == number


def fabricate_few(root: Path) -> None:
    """A study without answers."""
    points = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)[: len(LABELS)]
    fabricate_study(root, points=points, seeds=(0, 1), data="digits")
