"""What a plan, an index and a report say of points that are sets of steps."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import t

from ablations.commands.plan import plan_costs
from ablations.compare.records import load_study
from ablations.planning.cost import Setting, computed_costs
from ablations.planning.notes.draws import draw_notes
from ablations.planning.plan import Plan, index_of, make_plan, states
from ablations.statistics.moderated import study_variance
from ablations.store.runs import INDEX, STATUS, SUMMARY, run_path, study_path, write_json_atomic
from ablations.studies.config import Study
from ablations.studies.designs import read_design
from ablations.studies.designs.cumulative import CumulativePoints
from ablations.studies.designs.sets.random_sets import RandomPoints
from ablations.studies.designs.sets.shapley import ShapleyPoints
from ablations.studies.points import study_design
from lit_models import SPECS, TRAJECTORIES
from lit_models.families.reference import named_network
from lit_models.network.complexity import count
from lit_models.steps.lattice import lattice_of
from lit_models.steps.library import parse_step

NANO = TRAJECTORIES["convnext_nano"]
SHAPLEY = Study(name="s", trajectory=NANO.name, points=ShapleyPoints(orders=8), seeds=[0, 1, 2])


def finish(plan: Plan, root: Path, top1: Mapping[int, float]) -> None:
    """All runs of a plan done, with a top-1 for each seed, of the end the other way round."""
    for row in plan.rows:
        folder = run_path(root, row.run_id)
        write_json_atomic(folder / STATUS, {"state": "done"})
        write_json_atomic(
            folder / SUMMARY,
            {"test/top1": top1[2 - row.seed if row.steps == NANO.step_names else row.seed]},
        )


def notes(plan: Plan, root: Path) -> list[str]:
    return draw_notes(plan, states(plan, root), root)


def test_a_report_knows_the_orders(tmp_path: Path) -> None:
    plan = make_plan(SHAPLEY)
    index = index_of(plan, "ablate run s")
    write_json_atomic(study_path(tmp_path, "s") / INDEX, index)
    found = load_study("s", runs_root=tmp_path)

    assert found.orders == study_design(SHAPLEY).orders
    own, *_ = (lattice_of(NANO).order_of(order) for order in found.orders)
    assert own == tuple(range(12))
    assert {(p.label, run.seed) for p in found.points for run in p.runs} == {
        (row.point, row.seed) for row in plan.rows
    }
    del index["orders"]  # as it was written before there were any
    write_json_atomic(study_path(tmp_path, "s") / INDEX, index)
    assert load_study("s", runs_root=tmp_path).orders == ()


@pytest.mark.parametrize("orders", ["x", [["width"]], [[["width", 3]]], {"a": []}])
def test_orders_that_are_none_are_refused_with_the_file(tmp_path: Path, orders: object) -> None:
    index = index_of(make_plan(SHAPLEY), "ablate run s") | {"orders": orders}
    write_json_atomic(study_path(tmp_path, "s") / INDEX, index)
    with pytest.raises(ValueError, match=r"index\.json: orders"):
        load_study("s", runs_root=tmp_path)


def test_what_a_plan_says_of_drawn_points(tmp_path: Path) -> None:
    plan = make_plan(SHAPLEY)
    assert notes(plan, tmp_path) == [
        "The trajectory's own order and 8 drawn of 239,500,800 legal ones: 96 networks, 105 runs."
    ]
    random = make_plan(replace(SHAPLEY, points=RandomPoints(runs=64)))
    assert notes(random, tmp_path) == ["Drawn of 3,072 legal sets of steps: 60 networks, 64 runs."]
    assert notes(make_plan(replace(SHAPLEY, points=CumulativePoints())), tmp_path) == []


def test_runs_of_other_studies_are_done_and_tell_the_noise(tmp_path: Path) -> None:
    """Both ends are done with all seeds, since the cumulative study has them, too."""
    line = make_plan(replace(SHAPLEY, name="line", points=CumulativePoints()))
    finish(line, tmp_path, {0: 1.0, 1: 2.0, 2: 3.0})
    plan = make_plan(SHAPLEY)
    shared = {row.run_id for row in plan.rows} & {row.run_id for row in line.rows}
    first, second = notes(plan, tmp_path)
    assert f"105 runs, of which {len(shared)} are done." in first
    assert len(shared) >= 3 + 3 + 11
    assert second.startswith("A run has a std of ")
    # an order's difference is of two runs: sqrt(2 / 8) = 1/2 of the std, times Student's t
    half = float(second.partition("±")[2].partition(" ")[0])
    std = float(second.partition("std of ")[2].partition(" ")[0])
    degrees = int(second.partition("seeds (")[2].partition(" ")[0])
    values: dict[str, dict[int, float]] = {}
    for row in plan.rows:
        if row.run_id in shared:
            turned = row.steps == NANO.step_names
            values.setdefault(row.point, {})[row.seed] = (
                3.0 - row.seed if turned else 1.0 + row.seed
            )
    noise = study_variance(values)
    assert noise is not None
    assert (std, degrees) == (round(noise.pooled_std, 2), noise.pooled_degrees)
    assert half == pytest.approx(float(t.ppf(0.975, degrees)) * std / 2, abs=0.01)


def test_titles_name_few_steps_and_count_many() -> None:
    design = read_design("shapley", trajectory=NANO.name, published=None)
    names = NANO.step_names
    chosen = study_design(SHAPLEY)
    titles = {}
    for point in chosen.points():
        titles[point.steps] = design.title_of(point)
    assert len(set(titles.values())) == len(titles)
    assert titles[()] == "ResNet-nano"
    assert titles[names] == "all steps"
    assert titles[names[:1]] == "stage ratio"
    assert titles[names[:3]] == "steps 1-3"
    assert titles[names[:-2]] == "without BN → LN + sep. d.s. conv"
    assert "3 depthwise conv, 4 width ↑" in design.legend


def test_costs_of_drawn_points_are_computed_as_they_are_counted(tmp_path: Path) -> None:
    """At 28 px, where maps have odd sides: nobody has counted these networks before."""
    data = replace(SHAPLEY.data, image_size=28)
    plan = make_plan(replace(SHAPLEY, points=RandomPoints(runs=16), data=data))
    quick, counted = plan_costs(plan, tmp_path, quick=True), plan_costs(plan, tmp_path)
    assert quick.keys() == counted.keys()
    for spec, cost in counted.items():
        assert quick[spec].params == cost.params
        assert quick[spec].gmacs == pytest.approx(cost.gmacs, rel=1e-12)


@pytest.mark.parametrize("side", [2, 4, 8])
def test_an_image_that_is_too_small_is_left_to_the_counter(side: int) -> None:
    for line in (NANO, TRAJECTORIES["resnet50_to_convnext_t"]):
        end = line.apply(line.step_names)
        assert computed_costs([end], Setting(side, 10, 3)) is None
        with pytest.raises(ValueError, match="does not fit this network"):
            count(end, image_size=side, num_classes=10)


def test_networks_with_primitives_are_counted() -> None:
    spec = parse_step("extra=se:16").apply(SPECS["nano_convnext"])
    assert computed_costs([SPECS["nano_convnext"], spec], Setting(32, 10, 1)) is None
    assert computed_costs([named_network("timm/test_vit")], Setting(32, 10, 1)) is None
