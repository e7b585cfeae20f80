"""Holm's correction, by hand."""

import pytest

from ablations.statistics.multiplicity import holm


def test_holm_by_hand() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(found) == ["a", "b", "c", "d"]


def test_one_test_needs_no_correction_and_none_is_above_1() -> None:
    assert holm({"a": 0.04}) == {"a": 0.04}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
