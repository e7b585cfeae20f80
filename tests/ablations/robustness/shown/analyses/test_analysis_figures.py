"""What the figures of analyses show, recomputed from made-up answers by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from ablations.compare.records import StudyRecord, load_study
from ablations.figures.style import figure_style
from ablations.files.markup import NOTHING
from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.arrays import CORRECT
from ablations.robustness.results.collected import Collected, collect
from ablations.robustness.shown.analyses.drawings import drawings
from ablations.robustness.shown.analyses.field_figure import field_figure, fields
from ablations.robustness.shown.analyses.panels import (
    RANKS,
    field_parts,
    kernel_parts,
    lesion_parts,
    over_depth,
    sorted_at_ranks,
    variance_parts,
)
from ablations.robustness.shown.analyses.tables import analysis_table
from ablations.robustness.shown.figures.panels import Part
from ablations.robustness.shown.measured import measured
from ablations.robustness.shown.plain import plain
from ablations.store.runs import run_path
from tests.support.fabricate import fabricate_study
from tests.support.robustness.analyses import IMAGES, analysed_study, made_up
from tests.support.robustness.made_up import (
    LABELS,
    POINTS,
    STUDY,
    answer_study,
    keep_answer,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyRecord:
    return analysed_study(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def collected(study: StudyRecord) -> Collected:
    return collect(study)[0]


def values(part: Part, place: int, seed: int) -> dict[float, float]:
    (curve,) = (one for one in part.panel.curves if one.label == LABELS[place])
    return dict(zip(curve.x, curve.seeds[seed], strict=True))


def test_lesions_over_the_share_of_blocks(study: StudyRecord, collected: Collected) -> None:
    parts = lesion_parts(study, collected)
    assert [part.panel.title for part in parts] == ["mean of the draws", "worst draw", "best draw"]
    assert [part.images for part in parts] == [20] * 3
    right = made_up(1, 1)[names.LESION][CORRECT]
    clean = collected.right("clean/clean", LABELS[1], 1).mean()
    reductions: tuple[Callable[..., float], ...] = (np.mean, np.min, np.max)
    for part, reduced in zip(parts, reductions, strict=True):
        expected = {
            25.0 * (n + 1): 100 * reduced(right[:, n].mean(0)) for n in range(right.shape[1])
        }
        assert values(part, 1, 1) == pytest.approx({0.0: 100 * clean, **expected})
    assert max(values(parts[0], 0, 0)) == 50.0  # two of four blocks can go there


def test_channels_are_sorted_and_those_without_weight_left_out(
    study: StudyRecord, collected: Collected
) -> None:
    ranks, distances = sorted_at_ranks(np.array([3.0, 1.0, np.nan, 2.0]))
    assert ranks.tolist() == RANKS.tolist()
    assert distances[[0, 25, 50]].tolist() == [1.0, 2.0, 3.0]
    assert not len(sorted_at_ranks(np.array([np.nan]))[0])
    distance, ratio = kernel_parts(study, collected)
    assert [curve.label for curve in distance.panel.curves] == list(LABELS[1:])
    assert values(distance, 2, 0)[100.0] == 6.0
    assert values(ratio, 2, 0)[100.0] == 3.0


def test_variance_over_depth(study: StudyRecord, collected: Collected) -> None:
    variance, relative = variance_parts(study, collected)
    found = values(variance, 1, 0)  # the last map has one position
    expected = [np.log10(2), 1 + np.log10(2), 2 + np.log10(2)]
    assert list(found) == pytest.approx([0, 1 / 3, 2 / 3])
    assert list(found.values()) == pytest.approx(expected)
    assert list(values(relative, 0, 0).values()) == pytest.approx([0.1, 0.2, 0.4])
    depths, kept = over_depth(np.array([1.0, np.nan, 3.0]))
    assert (depths.tolist(), kept.tolist()) == ([0.0, 1.0], [1.0, 3.0])


def test_areas_of_fields(study: StudyRecord, collected: Collected) -> None:
    raw, drawn = field_parts(study, collected)
    sides = {20.0: 2, 30.0: 6, 50.0: 14, 99.0: 30}
    assert values(raw, 0, 1) == pytest.approx({x: 100 * (s / 32) ** 2 for x, s in sides.items()})
    assert values(drawn, 0, 1)[20.0] == pytest.approx(100 * (8 / 32) ** 2)


def test_pictures_of_fields(study: StudyRecord, collected: Collected) -> None:
    found = fields(study, collected)
    assert len(found) in (2, 3)
    last = found[-1]
    assert last.squares == pytest.approx({0.2: 3.0, 0.3: 7.0, 0.5: 15.0, 0.99: 31.0})
    both = [made_up(2, seed)[names.FIELD][names.MAP] for seed in (0, 1)]
    np.testing.assert_allclose(last.scores, np.mean(both, 0))
    with figure_style():
        figure = field_figure(found, heading="images")
    drawn = [patch for patch in figure.axes[-1].patches if isinstance(patch, Rectangle)]
    assert [patch.get_width() for patch in drawn] == pytest.approx([3, 7, 15, 31])
    # the middle of pixel 17 lies at 17.5
    assert drawn[0].get_x() + drawn[0].get_width() / 2 == pytest.approx(17.5)


def test_every_figure_is_drawn_and_says_what_it_shows(
    study: StudyRecord, collected: Collected
) -> None:
    found = {drawing.name: drawing for drawing in drawings(study, collected, suffix="_2")}
    assert list(found) == [
        f"robustness_{name}_2"
        for name in (
            "lesion",
            "kernel_distance",
            "feature_variance",
            "receptive_field",
            "receptive_field_maps",
        )
    ]
    lesion = found["robustness_lesion_2"].caption
    assert "3 draws for each number of blocks" in lesion
    assert "Only blocks of stage 2." in lesion
    kernels = found["robustness_kernel_distance_2"].caption
    assert "Up to 1 channel without weight are left out." in kernels
    first = study.points[0].title
    assert f"Without a line: {first} (a network without depthwise convolutions has none)" in kernels
    assert "on images of 32 px" in found["robustness_receptive_field_2"].caption
    for drawing in found.values():
        with figure_style():
            drawing.draw().draw_without_rendering()


def test_there_is_no_figure_without_answers(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=POINTS, seeds=(0,), data="digits")
    answer_study(tmp_path, {"clean/clean": 10}, images=IMAGES)
    study = load_study(STUDY, runs_root=tmp_path)
    assert drawings(study, collect(study)[0]) == ()


def test_the_table_and_the_numbers_of_reports(study: StudyRecord) -> None:
    """Recomputed from the made-up arrays; the first point has no kernels, the last loses most."""
    (found,) = measured(study)
    table = analysis_table(study, found.sets)
    assert table is not None
    columns = dict(zip(table.headings, zip(*table.rows, strict=True), strict=True))
    area = [100 * (side / 32) ** 2 for side in (16, 14)]
    cell = f"{np.mean(area):.2f} ± {np.std(area, ddof=1):.2f}"
    assert columns["receptive field, 50 % (% of the image)"] == (cell,) * 3
    assert columns["kernel distance (positions)"] == (NOTHING, "2.00 ± 0.00", "4.00 ± 0.00")
    assert columns["kernel distance over uniform"] == (NOTHING, "1.00 ± 0.00", "2.00 ± 0.00")
    (of,) = (one for one in found.sets if one.start == "analyses")
    two = of.metric("top-1 without 2 blocks")
    assert two is not None
    right = made_up(1, 0)[names.LESION][CORRECT][:, 1]
    assert two.values[LABELS[1]][0] == pytest.approx(100 * right.mean())
    assert two.by_image is not None
    np.testing.assert_allclose(two.by_image(LABELS[1], 0), 100 * right.mean(1))
    four = of.metric("top-1 without 4 blocks")
    assert four is not None
    assert list(four.values) == [LABELS[2]]  # the others have fewer that can go
    logarithm = of.metric("receptive field of the logarithm, 20 %")
    assert logarithm is not None
    assert logarithm.values[LABELS[0]] == pytest.approx({0: 6.25, 1: 6.25})
    units = plain(study, [found])["metrics"][of.title]
    assert units["kernel distance"] == {"unit": "positions", "better": None, "images": 20}
    assert not of.notes


def test_fields_of_other_sides_are_not_to_be_compared(tmp_path: Path) -> None:
    study = analysed_study(tmp_path)
    for run in study.points[2].runs:
        arrays = dict(made_up(2, run.seed)[names.FIELD]) | {names.SIDE: np.array(16, np.int16)}
        keep_answer(run_path(tmp_path, run.run_id), names.FIELD, arrays, images=IMAGES)
    (found,) = measured(study)
    (of,) = (one for one in found.sets if one.start == "analyses")
    (note,) = of.notes
    assert note.startswith("Receptive fields are of images of 16 px and 32 px")
    captions = [drawing.caption for drawing in drawings(study, found.found)]
    assert any("on images of 16 px or 32 px" in caption and note in caption for caption in captions)
