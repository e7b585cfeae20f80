"""The estimate of a study's time: measured where it must be, taken from done runs where it can."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.grid import calibrate, measure
from ablations.grid.calibrate import estimate
from ablations.grid.measure import Bench
from ablations.planning.cost import Cost, Setting
from ablations.planning.plan import Plan, make_plan
from ablations.store.runs import STATUS, SUMMARY, run_path, write_json_atomic
from ablations.studies.config import Hardware, Recipe, Study
from ablations.studies.designs.explicit import ExplicitPoints
from datamodules.catalog.catalog import DATASETS
from datamodules.config.data import DataConfig
from lit_models.families.reference import Network

LISTS = {"small": [], "wide": ["width"], "deep": ["stage_ratio"]}
STUDY = Study(
    name="s",
    trajectory="convnext_nano",
    points=ExplicitPoints(lists=LISTS),
    recipe=Recipe(epochs=10, batch_size=8),
    data=DataConfig(name="digits", image_size=8),
    seeds=[0, 1],
    hardware=Hardware(accelerator="cpu", workers=2, threads=1),
)
SETTING = Setting(image_size=8, num_classes=10, in_chans=1)
DIGITS = DATASETS["digits"]
assert DIGITS.sizes is not None
# Training images, and those of validation at a third of the cost.
IMAGES = 1258 + 180 / 3  # of 1438; an image of val costs a third of one of train


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Every measured network takes 1 ms an image."""
    monkeypatch.setattr(calibrate, "measure", fake_measure)
    return make_plan(STUDY)


def fake_measure(specs: Mapping[Network, float], bench: Bench) -> dict[Network, float]:
    assert (bench.device, bench.threads, bench.workers) == ("cpu", 1, 2)
    return dict.fromkeys(specs, 1e-3)


def costs_of(plan: Plan) -> dict[Network, Cost]:
    return {row.spec: Cost(1, 0.1 * row.step.count("e"), 1) for row in plan.rows}


def test_time_is_images_times_epochs_shared_by_workers(plan: Plan, tmp_path: Path) -> None:
    guess = estimate(plan, costs_of(plan), runs_root=tmp_path)

    assert set(guess.seconds) == {row.run_id for row in plan.rows}
    assert list(guess.seconds.values()) == pytest.approx([1e-3 * 10 * IMAGES] * 6)
    assert "39.5 s for 6 runs, 2 at a time" in guess.sentence
    assert "estimate" in guess.sentence.lower()


def test_done_runs_cost_nothing_and_tell_the_time_of_other_seeds(
    plan: Plan, tmp_path: Path
) -> None:
    done = plan.rows[0]
    folder = run_path(tmp_path, done.run_id)
    write_json_atomic(folder / STATUS, {"state": "done"})
    write_json_atomic(folder / SUMMARY, {"test/top1": 50.0, "fit_seconds": 77.0})
    guess = estimate(plan, costs_of(plan), runs_root=tmp_path)

    assert done.run_id not in guess.seconds
    assert guess.seconds[plan.rows[1].run_id] == 77.0
    assert "runs with other seeds" in guess.sentence


def test_nothing_left_and_nothing_known(plan: Plan, tmp_path: Path) -> None:
    data = DataConfig(name="image_folder", folder=str(tmp_path / "absent"))
    unknown = make_plan(replace(STUDY, data=data))
    assert "No estimate" in estimate(unknown, {}, runs_root=tmp_path).sentence

    for row in plan.rows:
        write_json_atomic(run_path(tmp_path, row.run_id) / STATUS, {"state": "done"})
        write_json_atomic(run_path(tmp_path, row.run_id) / SUMMARY, {"test/top1": 50.0})
    guess = estimate(plan, costs_of(plan), runs_root=tmp_path)
    assert (guess.seconds, guess.sentence) == ({}, "Nothing is left to train.")


def test_what_the_budget_leaves_out_is_interpolated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = make_plan(replace(STUDY, seeds=[0]))
    gmacs = dict(zip((row.spec for row in plan.rows), (1.0, 3.0, 2.0), strict=True))
    times = dict(zip(gmacs, (1e-3, 5e-3, 9.0), strict=True))
    monkeypatch.setattr(measure, "_BUDGET", 0.0)
    monkeypatch.setattr(measure, "_seconds_per_image", lambda spec, _bench: times[spec])
    costs = {spec: Cost(1, value, 1) for spec, value in gmacs.items()}
    guess = estimate(plan, costs, runs_root=tmp_path)

    per_image = [seconds / 10 / IMAGES for seconds in guess.seconds.values()]
    assert per_image == pytest.approx([1e-3, 5e-3, 3e-3])
    assert "2 networks measured" in guess.sentence


def test_what_would_take_too_long_is_not_tried_and_extrapolated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = make_plan(replace(STUDY, seeds=[0]))
    gmacs = dict(zip((row.spec for row in plan.rows), (1.0, 60.0, 2.0), strict=True))
    times = dict(zip(gmacs, (0.5, 9.0, 1.5), strict=True))  # 8 images of 60 GMACs: 4 minutes
    tried = []

    def seconds_per_image(spec: Network, _bench: Bench) -> float:
        tried.append(gmacs[spec])
        return times[spec]

    monkeypatch.setattr(measure, "_seconds_per_image", seconds_per_image)
    costs = {spec: Cost(1, value, 1) for spec, value in gmacs.items()}
    guess = estimate(plan, costs, runs_root=tmp_path)

    assert tried == [1.0, 2.0]
    per_image = [seconds / 10 / IMAGES for seconds in guess.seconds.values()]
    assert per_image == pytest.approx([0.5, 1.5 * 60 / 2, 1.5])


def test_a_real_measurement_is_a_positive_number_and_leaves_the_threads_alone() -> None:
    import torch

    threads = torch.get_num_threads()
    first = make_plan(replace(STUDY, seeds=[0])).rows[0].spec
    bench = measure.bench_of(STUDY.recipe, STUDY.hardware, SETTING)
    (seconds,) = measure.measure({first: 1.0}, bench).values()

    assert 0 < seconds < 10
    assert torch.get_num_threads() == threads


def test_a_device_that_is_not_there_is_refused() -> None:
    hardware = Hardware(accelerator="gpu", devices=64)

    with pytest.raises(ValueError, match=r"hardware\."):
        measure.bench_of(STUDY.recipe, hardware, SETTING)
