"""The front of accuracy against cost: what is off it was beaten by more than the noise."""

from dataclasses import replace
from pathlib import Path

import pytest

from ablations.compare.comparison import study_rows
from ablations.compare.records import load_study
from ablations.compare.row import Row
from ablations.figures.cost_figure import cost_figure
from ablations.figures.drawings import drawings
from ablations.figures.front import dominated
from tests.support.fabricate import fabricate_study


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Row:
    root = tmp_path_factory.mktemp("runs")
    fabricate_study(root)
    return study_rows(load_study("made_up", runs_root=root))[0]


def network(row: Row, name: str, *, cost: float, top1: tuple[float, ...]) -> Row:
    found = dict(enumerate(top1))
    mean = sum(top1) / len(top1)
    return replace(row, point=name, top1=found, top1_mean=mean, values={"gmacs": cost})


def off(*rows: Row) -> object:
    return dominated(rows, lambda row: row.gmacs)


def test_a_cheaper_and_clearly_better_network_keeps_another_off(row: Row) -> None:
    small = network(row, "small", cost=1.0, top1=(82.0, 82.3, 82.1))
    large = network(row, "large", cost=2.0, top1=(80.1, 79.8, 80.2))
    assert off(small, large) == {"large": "small"}
    assert off(large, small) == {"large": "small"}


def test_the_mean_alone_keeps_no_network_off(row: Row) -> None:
    small = network(row, "small", cost=1.0, top1=(80.4, 81.3, 79.2))
    large = network(row, "large", cost=2.0, top1=(80.1, 79.3, 80.6))
    assert off(small, large) == {}


def test_a_better_network_that_costs_more_keeps_none_off(row: Row) -> None:
    small = network(row, "small", cost=1.0, top1=(80.1, 79.8, 80.2))
    large = network(row, "large", cost=2.0, top1=(82.0, 82.3, 82.1))
    assert off(small, large) == {}


def test_of_networks_of_one_cost_the_clearly_worse_is_off(row: Row) -> None:
    one = network(row, "one", cost=1.0, top1=(82.0, 82.3, 82.1))
    other = network(row, "other", cost=1.0, top1=(80.1, 79.8, 80.2))
    assert off(one, other) == {"other": "one"}


def test_without_a_second_seed_nothing_is_said(row: Row) -> None:
    one = network(row, "one", cost=1.0, top1=(82.0,))
    other = network(row, "other", cost=2.0, top1=(60.0,))
    assert off(one, other) is None


def test_the_caption_says_the_rule(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    study = load_study("made_up", runs_root=tmp_path)
    captions = {one.name: one.caption for one in drawings(study, study_rows(study))}
    assert "no more is better, with the whole 95 % interval" in captions["cost"]


def test_the_published_start_is_not_called_by_the_name_of_another_network(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    study = load_study("made_up", runs_root=tmp_path)
    figure = cost_figure(study, study_rows(study))
    measured, _, published, params = (
        {text.get_text() for text in axes.texts} for axes in figure.axes
    )
    assert "ResNet-nano" in measured
    assert "start" in published
    assert "ResNet-nano" not in published
    assert params == {"parameters (millions): not known"}
