"""What stands in the cells of a heat map."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from ablations.compare.records import load_study
from ablations.figures.style import SHADE, figure_style
from ablations.robustness.conditions.arrays import CORRECT, TOP5
from ablations.robustness.metrics.changes import corruption_changes
from ablations.robustness.metrics.grid import corruption_grid
from ablations.robustness.results.collected import collect
from ablations.robustness.shown.figures.heat_map import HeatMap, heat_map_figure, places
from ablations.robustness.shown.figures.maps import change_map, flip_map
from ablations.store.runs import run_path
from datamodules.corruptions.names import GROUPS
from tests.support.robustness.made_up import (
    LABELS,
    STUDY,
    answered_study,
    image_list,
    keep_answer,
)

COLUMNS = (("", "clean"), ("noise", "shot noise"), ("noise", "impulse noise"))


def drawn(found: HeatMap) -> Figure:
    """The figure in our style."""
    with figure_style():
        return heat_map_figure(found)


def cells(figure: Figure) -> dict[tuple[int, float], str]:
    """The texts of the cells, by row and x."""
    texts = figure.axes[0].texts
    return {
        (round(text.get_position()[1]), text.get_position()[0]): text.get_text()
        for text in texts
        if text.get_position()[1] >= 0
    }


def test_numbers_have_signs_and_what_is_not_known_a_dash() -> None:
    values = np.array([[1.04, -2.5, np.nan], [0.0, 12.3, -0.04]])
    found = cells(drawn(HeatMap("a change", ("one", "two"), COLUMNS, values)))
    assert list(found.values()) == ["+1.0", "\u22122.5", "\u2013", "0.0", "+12.3", "0.0"]


def test_what_is_not_clear_of_the_noise_has_no_colour() -> None:
    values = np.array([[5.0, -5.0, 5.0]])
    clear = np.array([[True, True, False]])
    axes = drawn(HeatMap("a change", ("one",), COLUMNS, values, clear)).axes[0]
    faces = [
        to_hex(patch.get_facecolor()) for patch in axes.patches if isinstance(patch, Rectangle)
    ]
    assert faces[2] == to_hex(SHADE)
    assert len(set(faces)) == 3
    above, below = (tuple(int(face[i : i + 2], 16) for i in (1, 3, 5)) for face in faces[:2])
    assert above[2] > above[0]  # violet is higher
    assert below[0] > below[2]  # orange is lower


def test_groups_stand_apart_and_are_named_once() -> None:
    assert places(COLUMNS) == [0.0, 1.25, 2.25]
    figure = drawn(HeatMap("a change", ("one",), COLUMNS, np.zeros((1, 3))))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("noise") == 1
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == [
        "clean",
        "shot noise",
        "impulse noise",
    ]


@pytest.mark.parametrize("rows", [1, 40])
def test_any_number_of_rows_with_long_names(rows: int) -> None:
    titles = tuple(
        f"{number} of which the name is long, very long indeed" for number in range(rows)
    )
    figure = drawn(HeatMap("shares", titles, COLUMNS, np.ones((rows, 3)), changes=False))
    assert len(cells(figure)) == 3 * rows
    figure.draw_without_rendering()
    heading, (axes,) = figure.get_suptitle(), figure.axes
    assert heading == "shares"
    assert axes.get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize("rows", [1, 12, 40])
def test_all_that_is_said_is_inside_of_the_figure(rows: int) -> None:
    """The names of the groups stand below the cells, where the layout has no labels of axes."""
    grouped = [(group, name) for group, names in GROUPS.items() for name in names]
    columns = (("", "clean"), *grouped, ("", "mean"))
    titles = tuple(f"a step of some length {number}" for number in range(rows))
    figure = drawn(HeatMap("a change", titles, columns, np.zeros((rows, len(columns)))))
    figure.set_dpi(72)  # as an SVG file is drawn
    figure.draw_without_rendering()
    said = {text.get_text() for text in figure.findobj(Text) if text.get_text()}
    assert {"noise", "digital", "jpeg_compression", titles[-1]} <= said
    outside = [
        text.get_text()
        for text in figure.findobj(Text)
        if text.get_text() and not _within(text.get_window_extent(), figure.bbox)
    ]
    assert not outside


def _within(box: Any, whole: Any) -> bool:
    inside = box.x0 >= whole.x0 and box.x1 <= whole.x1 and box.y0 >= whole.y0
    return bool(inside and box.y1 <= whole.y1)


def test_changes_under_corruptions_are_those_of_the_answers(tmp_path: Path) -> None:
    answered_study(tmp_path)
    study = load_study(STUDY, runs_root=tmp_path)
    (collected,) = collect(study)
    grid = corruption_grid(collected)
    assert grid is not None
    found = change_map(study, corruption_changes(study, collected, grid), heading="digits-C")
    by_run = {(run.point, run.seed): run_path(tmp_path, run.run_id) for run in study.runs}

    def right(point: str, seed: int, severity: int) -> float:
        (path,) = by_run[point, seed].glob(f"robustness/corruptions/fog-{severity}-*.npz")
        with np.load(path) as arrays:
            return 100 * float(arrays[CORRECT].mean())

    each = [
        right(LABELS[2], seed, severity) - right(LABELS[1], seed, severity)
        for seed in (0, 1)
        for severity in (1, 3, 5)
    ]
    column = found.columns.index(("weather", "fog"))
    assert found.values[1, column] == pytest.approx(np.mean(each))
    assert found.columns[0] == ("", "clean")
    assert ("digital", "JPEG compression") in found.columns
    assert len(found.rows) == len(LABELS) - 1


def test_flips_are_in_percent_and_have_a_mean_where_all_are_there(tmp_path: Path) -> None:
    answered_study(tmp_path)
    images, runs = image_list(2), load_study(STUDY, runs_root=tmp_path).runs
    steady = np.tile(np.arange(5, dtype=np.int16), (2, 5, 1))  # (N, frames, 5)
    once = steady.copy()
    once[:, 2] = once[:, 2, ::-1]  # the class changes at one frame, and back
    for run in runs:
        folder = run_path(tmp_path, run.run_id)
        keep_answer(folder, "perturbations/shot_noise", {TOP5: once}, images=images)
        keep_answer(folder, "perturbations/tilt", {TOP5: once}, images=images)
    study = load_study(STUDY, runs_root=tmp_path)
    found = flip_map(study, collect(study)[0], "perturbations")
    assert found is not None
    assert [name for _, name in found.columns] == ["shot noise", "tilt", "mean"]
    assert list(found.values[0]) == pytest.approx([25, 50, 37.5])
    assert flip_map(study, collect(study)[0], "sets/imagenet_p") is None
