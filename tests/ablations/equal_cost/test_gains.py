"""What steps gain at equal cost and had bought with cost, from made-up runs of both halves."""

import json
from pathlib import Path

import pytest

from ablations import report
from ablations.compare.comparison import study_rows
from ablations.compare.differences import differences
from ablations.compare.records import load_study
from ablations.equal_cost.analysis import EQUAL_COST, unmatched_command
from ablations.equal_cost.gains import PARTS, Gains, StepGain, gains
from ablations.report.write import ReportPaths
from tests.ablations.planning.matched_study import fabricate_matched
from tests.support.fabricate import fabricate_study

NOISE = (0.0, 0.31, -0.17)  # of a seed
BOUGHT = {"depthwise": -2.5, "width": 3.5, "move_depthwise_up": -1.0}  # with cost, by the step
LEVELS = {"start": 80.0, "depthwise": 79.2, "width": 79.2, "inverted_bottleneck": 79.9}


def level(step: str) -> float:
    """At equal cost; a step that is not named has that of the steps before."""
    return LEVELS.get(step, 81.0)


def scatter(step: str, seed: int) -> float:
    return NOISE[(seed + len(step)) % 3]


def own_top1(step: str, seed: int) -> float:
    order = ["depthwise", "width", "inverted_bottleneck", "move_depthwise_up"]
    so_far = order[: order.index(step) + 1] if step in order else order
    before = {"start", "stage_ratio", "patchify_stem"}
    bought = 0.0 if step in before else sum(BOUGHT.get(name, 0.0) for name in so_far)
    return level(step) + bought + scatter(step, seed + 1)


def matched_top1(step: str, seed: int) -> float:
    if step == "separate_downsampling":  # the one network of both halves
        return own_top1(step, seed)
    return level(step) + scatter(step, seed)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    fabricate_matched(root, matched=matched_top1, own=own_top1)
    return root


@pytest.fixture(scope="module")
def found(root: Path) -> Gains:
    found = gains(load_study("matched", runs_root=root))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def paths(root: Path) -> ReportPaths:
    return report.write_report("matched", runs_root=root)


def by_point(found: Gains) -> dict[str, StepGain]:
    return {step.point: step for step in found.steps}


def test_what_was_put_in_is_found(found: Gains) -> None:
    steps = by_point(found)
    for number, step in ((3, "depthwise"), (6, "move_depthwise_up")):
        bought = steps[f"{number:02d}_{step}"].parts["bought"]
        assert bought.mean == pytest.approx(BOUGHT[step])
    assert steps["03_depthwise"].parts["total"].mean == pytest.approx(79.2 - 2.5 - 81.0)


def test_the_parts_sum_up(found: Gains) -> None:
    for step in found.steps:
        if step.reference is not None:
            total, own, bought = (step.parts[part].mean for part in PARTS)
            assert total == pytest.approx(own + bought, abs=1e-9)


def test_an_absorbed_step_had_bought_all_that_it_gained(found: Gains) -> None:
    width = by_point(found)["04_width"]
    assert width.absorbed
    assert width.parts["own"].mean == 0.0
    assert width.parts["own"].found is None
    assert width.parts["bought"].mean == width.parts["total"].mean == pytest.approx(3.5)
    assert width.cost_change is not None
    assert width.cost_change > 0.5
    assert by_point(found)["05_inverted_bottleneck"].reference == "04_width"


def test_the_gain_at_equal_cost_is_the_difference_of_the_table(root: Path, found: Gains) -> None:
    table = differences(load_study("matched", runs_root=root))
    for point in ("01_stage_ratio", "03_depthwise", "07_kernel_size"):
        own = by_point(found)[point].parts["own"]
        assert own.found is not None
        assert own.found.mean == pytest.approx(table[point]["delta"])


def test_four_networks_are_less_certain_than_two(found: Gains) -> None:
    parts = by_point(found)["03_depthwise"].parts
    errors = [part.found.error for part in parts.values() if part.found is not None]
    assert len(errors) == 3
    assert errors[2] > max(errors[:2])
    end = by_point(found)["12_separate_downsampling"].parts["bought"]
    middle = by_point(found)["07_kernel_size"].parts["bought"]
    assert end.found is not None
    assert middle.found is not None
    # the end is one network in both halves: two networks are left, not four
    assert end.found.error == pytest.approx(middle.found.error * 0.5**0.5, rel=0.25)


def test_the_report_shows_the_parts(paths: ReportPaths) -> None:
    text = paths.markdown.read_text()
    assert "## At equal cost" in text
    assert "bought with cost" in text
    assert "width \u2191 only sets widths" in text
    assert "published" not in text
    assert "equal_cost" in [path.stem for path in paths.figures]
    assert "At equal cost" in paths.html.read_text()
    (details,) = (path for path in paths.details if path.stem == "equal_cost")
    plain = json.loads(details.read_text())
    assert plain["unmatched_runs"] == {"planned": 39, "missing": 0}
    assert [step["point"] for step in plain["steps"] if step["absorbed"]] == ["04_width"]
    rows = {row["point"]: row for row in json.loads(paths.json.read_text())}
    low, mean, high = (
        rows["03_depthwise"][f"match/bought_{key}"] for key in ("low", "mean", "high")
    )
    assert low < mean < high
    assert mean == pytest.approx(-2.5)


def test_without_the_other_half_a_command_is_named(tmp_path: Path) -> None:
    fabricate_matched(tmp_path, matched=matched_top1, own=None, seeds=(0, 1))
    study = load_study("matched", runs_root=tmp_path)
    found = gains(study)
    assert found is not None
    # the last network is one of both halves
    assert (found.halves.planned, found.halves.missing) == (26, 24)
    assert "bought" not in by_point(found)["03_depthwise"].parts
    text = report.write_report("matched", runs_root=tmp_path).markdown.read_text()
    assert "24 of 26 runs with the networks' own widths have no result" in text
    assert "ablate run matched points.match.gmacs=null --as matched_unmatched" in text
    assert unmatched_command(study) in text.replace("\\", "")


def test_a_study_of_own_widths_says_nothing_of_it(tmp_path: Path) -> None:
    fabricate_study(tmp_path)
    study = load_study("made_up", runs_root=tmp_path)
    assert gains(study) is None
    assert EQUAL_COST.section(study, ()) is None
    assert EQUAL_COST.figures(study, ()) == ()
    assert EQUAL_COST.details(study, ()) is None
    assert not any("match/total_mean" in row.values for row in study_rows(study))
