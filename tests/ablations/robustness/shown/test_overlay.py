"""What is drawn where curves of all steps lie over each other."""

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.colors import to_hex

from ablations.figures.style import figure_style
from ablations.robustness.shown.figures.overlay import (
    OTHERS,
    Curve,
    Panel,
    chosen,
    overlay_figure,
)

X = (0.0, 0.5, 1.0)


def curve(
    number: int, values: Sequence[float], *, seeds: int = 1, x: tuple[float, ...] = X
) -> Curve:
    """Point `number` of a line, whose seeds are a unit apart."""
    found = {seed: tuple(value + seed for value in values) for seed in range(seeds)}
    before = f"p{number - 1}" if number else None
    return Curve(f"p{number}", f"step {number}", x, found, before)


def panel(*curves: Curve, title: str = "a panel") -> Panel:
    """Some curves under a title."""
    return Panel(title, "share (1)", "top-1 (%)", curves)


LINE = panel(
    curve(0, (90, 80, 70)),
    curve(1, (91, 81, 71)),
    curve(2, (95, 88, 80)),
    curve(3, (95, 88, 81)),
)


def test_first_last_and_largest_change_have_a_colour_and_the_rest_is_grey() -> None:
    with figure_style():
        axes = overlay_figure([LINE], heading="all").axes[0]
    colours = {str(line.get_label()): to_hex(line.get_color()) for line in axes.lines}
    assert colours["p1"] == OTHERS
    assert len({colours[label] for label in ("p0", "p2", "p3")} - {OTHERS}) == 3
    drawn = {str(line.get_label()): list(np.asarray(line.get_ydata())) for line in axes.lines}
    assert drawn["p2"] == [95, 88, 80]


def test_the_legend_names_the_three_and_counts_the_others() -> None:
    with figure_style():
        figure = overlay_figure([LINE], heading="all")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["first: step 0", "largest change: step 2", "last: step 3", "1 other"]


def test_a_change_is_taken_from_the_reference_over_the_x_that_both_have() -> None:
    start, small = curve(0, (90, 80, 70)), curve(1, (91, 81, 71))
    short = curve(2, (85, 75), x=(0.5, 1.0))  # +4 where both are; its own first values: -6
    assert chosen([panel(start, small, short, curve(3, (90, 85, 74)))]).largest == "p2"
    assert chosen([panel(start, small, short, curve(3, (90, 80, 68)))]).largest == "p3"


def test_the_last_may_be_the_largest_change() -> None:
    with figure_style():
        figure = overlay_figure([panel(curve(0, (9, 8, 7)), curve(1, (5, 4, 3)))], heading="two")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["first: step 0", "largest change, last: step 1"]


def test_a_colour_means_the_same_step_in_every_panel() -> None:
    other = panel(curve(0, (10, 9, 8)), curve(3, (11, 9, 8)), title="without two of them")
    with figure_style():
        one, two = overlay_figure([LINE, other], heading="all").axes
    first = [{str(x.get_label()): x.get_color() for x in axes.lines} for axes in (one, two)]
    assert first[0]["p0"] == first[1]["p0"]
    assert first[0]["p3"] == first[1]["p3"]


@pytest.mark.parametrize("points", [1, 2, 40])
def test_any_number_of_points_and_seeds(points: int) -> None:
    curves = [curve(n, (50 + 9 * (n > 19), 40, 30), seeds=2) for n in range(points)]
    with figure_style():
        figure = overlay_figure([panel(*curves)], heading="all")
    axes = figure.axes[0]
    assert len(axes.lines) == points
    bands = axes.collections
    assert len(bands) == {1: 1, 2: 2, 40: 3}[points]
    heights = np.asarray(bands[0].get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == (30, 51)  # of the first: lowest and highest seed
    middle = {str(line.get_label()): np.asarray(line.get_ydata())[0] for line in axes.lines}
    assert middle["p0"] == 50.5


def test_a_single_x_has_a_dot_for_each_seed() -> None:
    with figure_style():
        figure = overlay_figure([panel(curve(0, (70,), seeds=3, x=(0.5,)))], heading="one")
    mean, seeds = figure.axes[0].lines
    assert [list(np.asarray(line.get_ydata())) for line in (mean, seeds)] == [[71], [70, 71, 72]]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["step 0", "one seed"]


def test_panels_without_curves_are_left_out() -> None:
    with figure_style():
        figure = overlay_figure([panel(title="empty"), LINE], heading="all")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a panel"]
