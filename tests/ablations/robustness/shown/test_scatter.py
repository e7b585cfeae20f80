"""Accuracy on changed images against that on clean ones."""

from dataclasses import replace

import numpy as np
import pytest

from ablations.figures.style import figure_style
from ablations.robustness.shown.figures.scatter import (
    ScatterPanel,
    ScatterPoint,
    from_logit,
    logit,
    scatter_figure,
    ticks,
)


def point(number: int, clean: float, changed: float, *, seeds: int = 1) -> ScatterPoint:
    """A step whose seeds are half a point apart."""
    return ScatterPoint(
        f"p{number}",
        f"step {number}",
        {seed: clean + seed / 2 for seed in range(seeds)},
        {seed: changed + seed / 2 for seed in range(seeds)},
    )


def panel(*points: ScatterPoint, line: bool = False) -> ScatterPanel:
    """Points, with the line of slope 1 that is a logit below."""
    fitted = (lambda clean: float(from_logit(logit(clean) - 1))) if line else None
    return ScatterPanel("digits-C (in memory)", "top-1 under corruptions (%)", points, fitted)


def test_a_dot_is_the_mean_over_the_seeds_that_have_both() -> None:
    assert ScatterPoint("a", "a", {0: 80, 1: 90, 2: 10}, {0: 40, 1: 50, 5: 99}).mean == (85, 45)


def test_dots_lines_and_numbers_are_drawn_where_they_belong() -> None:
    points = [point(0, 90, 60, seeds=2), point(1, 92, 70, seeds=2), point(2, 94, 72, seeds=2)]
    with figure_style():
        figure = scatter_figure([panel(*points, line=True)], heading="digits")
    axes = figure.axes[0]
    by_label = {str(line.get_label()): line for line in axes.lines}
    assert by_label["p1"].get_xydata() == pytest.approx(np.array([[92.25, 70.25]]))
    fitted = by_label["straight line in logits through all points"].get_xydata()
    assert logit(np.asarray(fitted)[:, 1]) == pytest.approx(logit(np.asarray(fitted)[:, 0]) - 1)
    assert [text.get_text() for text in axes.texts if len(text.get_text()) == 1] == ["0", "1", "2"]
    key = [text.get_text() for text in figure.legends[-1].get_texts()]
    assert key == ["0  step 0", "1  step 1", "2  step 2"]


def test_the_axes_are_logits() -> None:
    with figure_style():
        axes = scatter_figure([panel(point(0, 50, 20), point(1, 90, 80))], heading="x").axes[0]
    half, nine, most = (axes.transData.transform((x, 50))[0] for x in (50, 73.106, 88.08))
    assert nine - half == pytest.approx(most - nine, rel=1e-3)  # a logit each


def test_where_both_are_equal_is_drawn_or_said_to_be_outside() -> None:
    far = [point(0, 90, 40), point(1, 92, 45)]
    near = [point(0, 80, 70), point(1, 60, 65)]
    with figure_style():
        outside = scatter_figure([panel(*far)], heading="x").axes[0]
        inside = scatter_figure([panel(*near)], heading="x").axes[0]
    equal = "as accurate as on clean images"
    assert f"{equal}: above" in [text.get_text() for text in outside.texts]
    assert equal in [str(line.get_label()) for line in inside.lines]
    assert equal not in [str(line.get_label()) for line in outside.lines]


def test_a_number_means_the_same_step_in_every_panel() -> None:
    one = panel(point(0, 90, 60), point(1, 91, 61), point(2, 92, 62))
    two = panel(point(1, 91, 31), point(2, 92, 32))
    with figure_style():
        axes = scatter_figure([one, two], heading="x").axes[1]
    assert [text.get_text() for text in axes.texts if text.get_text().isdigit()] == ["1", "2"]


def test_points_of_one_title_have_numbers_of_their_own() -> None:
    first, other = point(0, 90, 60), point(1, 91, 61)
    with figure_style():
        figure = scatter_figure([panel(first, replace(other, title=first.title))], heading="x")
    key = [text.get_text() for text in figure.legends[-1].get_texts()]
    assert key == ["0  step 0", "1  step 0"]


@pytest.mark.parametrize("points", [1, 65])
def test_any_number_of_points(points: int) -> None:
    found = [point(n, 80 + n / 4, 50 + n / 3) for n in range(points)]
    with figure_style():
        figure = scatter_figure([panel(*found)], heading="x")
    key = figure.legends[-1]
    assert len(key.get_texts()) == points
    assert key.get_window_extent().y0 >= figure.bbox.y0


def test_numbers_do_not_cover_each_other() -> None:
    found = [point(n, 80 + (n * 7 % 13) / 2, 50 + (n * 5 % 13) / 2) for n in range(13)]
    with figure_style():
        figure = scatter_figure([panel(*found)], heading="x")
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if t.get_text().isdigit()]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert not any(a.overlaps(b) for a, b in pairs)


def test_ticks_are_round_and_inside() -> None:
    assert ticks(40, 95) == [40, 50, 60, 70, 80, 90, 95]
    found = ticks(88.2, 91.4)
    assert all(88.2 <= value <= 91.4 for value in found)
    assert {89, 90, 91} <= set(found)
