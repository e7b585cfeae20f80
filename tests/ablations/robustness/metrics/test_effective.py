"""Accuracy beyond the line through the other networks."""

import numpy as np
import pytest

from ablations.robustness.metrics.effective import Line, fit, lines_without_each, logit

N = 10_000


def share(logits: float) -> float:
    return float(1 / (1 + np.exp(-logits)))


def on_a_line(count: int) -> dict[str, tuple[float, float]]:
    return {f"p{k}": (share(0.5 * k), share(0.8 * 0.5 * k - 0.3)) for k in range(count)}


def test_a_line_in_logits_is_found() -> None:
    line = fit(on_a_line(5), images=N)
    assert line is not None
    assert [line.slope, line.intercept] == pytest.approx([0.8, -0.3])
    assert line.predict(share(1.0), images=N) == pytest.approx(share(0.5))


def test_a_point_has_no_part_in_its_own_line() -> None:
    points = on_a_line(6) | {"off": (share(1.2), share(3.0))}
    lines = lines_without_each(points, images=N)
    off = lines["off"]
    assert [off.slope, off.intercept] == pytest.approx([0.8, -0.3])
    gain = share(3.0) - off.predict(share(1.2), images=N)
    assert gain == pytest.approx(share(3.0) - share(0.8 * 1.2 - 0.3))
    whole = fit(points, images=N)
    assert whole is not None
    assert abs(whole.intercept + 0.3) > 0.1  # with it, the line is another one


def test_five_different_clean_accuracies_are_needed() -> None:
    four = on_a_line(4)
    assert lines_without_each(four, images=N) == {}
    same = four | {"twin": four["p0"]}
    assert lines_without_each(same, images=N) == {}
    assert len(lines_without_each(on_a_line(5), images=N)) == 5


def test_all_right_is_half_an_image_from_the_end() -> None:
    assert float(logit(1.0, images=100)) == pytest.approx(np.log(0.995 / 0.005))
    assert float(logit(0.0, images=100)) == pytest.approx(-np.log(0.995 / 0.005))


def test_one_clean_accuracy_has_no_line() -> None:
    assert fit({"a": (0.5, 0.2), "b": (0.5, 0.3)}, images=N) is None
    assert Line(1, 0).predict(0.25, images=N) == pytest.approx(0.25)
