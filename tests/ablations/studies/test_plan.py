"""The state of every planned row, from files alone; and the counts that a plan shows."""

import json
import shutil
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

import lit_models
from ablations.commands.plan import plan_rows
from ablations.planning import count_code, counts
from ablations.planning.cost import Cost, Setting, setting_of
from ablations.planning.counts import count_specs
from ablations.planning.plan import Plan, index_of, make_plan, states
from ablations.store.lock import hold
from ablations.store.runs import (
    INDEX,
    LOCK,
    STATUS,
    SUMMARY,
    run_path,
    study_path,
    write_json_atomic,
)
from ablations.studies.config import Study, find_experiments
from ablations.studies.designs.explicit import ExplicitPoints
from ablations.studies.designs.leave_one_out import LeaveOneOutPoints
from ablations.studies.study_file import load_experiments
from datamodules.catalog.resolved import resolve
from datamodules.config.data import DataConfig
from lit_models import SPECS, TRAJECTORIES
from lit_models.families.reference import TimmModel

STUDY = Study(name="s", trajectory="convnext_nano", seeds=[0, 1])


def finish(plan: Plan, root: Path, *, state: str = "done") -> None:
    """Make the folders of all runs look over."""
    for row in plan.rows:
        folder = run_path(root, row.run_id)
        write_json_atomic(folder / STATUS, {"state": state})
        write_json_atomic(folder / SUMMARY, {"test/top1": 1.0})
    write_json_atomic(study_path(root, plan.study.name) / INDEX, index_of(plan, "ablate run s"))


def test_a_first_plan_is_new(tmp_path: Path) -> None:
    plan = make_plan(STUDY)

    assert len(plan.rows) == 26
    assert set(states(plan, tmp_path).values()) == {"new"}


@pytest.mark.parametrize("state", ["done", "failed", "interrupted"])
def test_what_ended_keeps_its_state(tmp_path: Path, state: str) -> None:
    plan = make_plan(STUDY)
    finish(plan, tmp_path, state=state)

    assert set(states(plan, tmp_path).values()) == {state}


def test_a_running_row(tmp_path: Path) -> None:
    plan = make_plan(STUDY)
    row = plan.rows[3]
    write_json_atomic(run_path(tmp_path, row.run_id) / STATUS, {"state": "running"})
    with hold(run_path(tmp_path, row.run_id) / LOCK):
        found = states(plan, tmp_path)

    assert found[row.point, row.seed] == "running"
    assert list(found.values()).count("new") == 25


def test_changed_settings_make_results_stale_and_the_old_ones_stay_theirs(tmp_path: Path) -> None:
    before = make_plan(STUDY)
    finish(before, tmp_path)
    recipe = replace(STUDY.recipe, lr=0.123)
    after = make_plan(replace(STUDY, recipe=recipe))

    assert set(states(after, tmp_path).values()) == {"stale"}
    assert set(states(before, tmp_path).values()) == {"done"}


def test_a_new_seed_is_new_and_not_stale(tmp_path: Path) -> None:
    finish(make_plan(STUDY), tmp_path)
    found = states(make_plan(replace(STUDY, seeds=[0, 1, 2])), tmp_path)

    assert {found[key] for key in found if key[1] == 2} == {"new"}
    assert {found[key] for key in found if key[1] != 2} == {"done"}


def test_planned_rows_without_any_result_do_not_become_stale(tmp_path: Path) -> None:
    plan = make_plan(STUDY)
    write_json_atomic(study_path(tmp_path, "s") / INDEX, index_of(plan, "ablate run s"))
    after = make_plan(replace(STUDY, recipe=replace(STUDY.recipe, lr=0.1)))

    assert set(states(after, tmp_path).values()) == {"new"}


def test_results_are_shared_between_studies(tmp_path: Path) -> None:
    finish(make_plan(STUDY), tmp_path)
    other = replace(STUDY, name="other", points=LeaveOneOutPoints())
    found = states(make_plan(other), tmp_path)

    shared = {point for (point, _), state in found.items() if state == "done"}
    assert shared == {"00_end", "12_without_separate_downsampling"}


def test_equal_configurations_are_one_run() -> None:
    lists = {"a": ["width"], "b": ["width"], "c": []}
    points = ExplicitPoints(lists=lists)
    plan = make_plan(replace(STUDY, points=points, seeds=[0]))

    assert len(plan.rows) == 3
    assert [row.step for row in plan.unique().values()] == ["a", "c"]


def test_the_json_of_a_plan() -> None:
    plan = make_plan(replace(STUDY, points=LeaveOneOutPoints(), seeds=[0]))
    costs = {row.spec: Cost(1, 0.5, 2) for row in plan.rows}
    found = dict.fromkeys(((row.point, row.seed) for row in plan.rows), "new")
    rows = plan_rows(plan, costs=costs, found=found, seconds={plan.rows[0].run_id: 3.0})

    assert json.loads(json.dumps(rows)) == rows
    keys = ["run_id", "point", "step", "steps", "seed", "params", "gmacs", "state"]
    for row in rows:
        assert set(row) == {*keys, "seconds", "reason", "warning"}
    assert list(rows[0].values())[:8] == [
        *(plan.rows[0].run_id, "00_end", "end"),
        list(TRAJECTORIES["convnext_nano"].step_names),
        *(0, 1, 0.5, "new"),
    ]
    (illegal,) = (row for row in rows if row["state"] == "illegal")
    assert (illegal["step"], illegal["run_id"], illegal["params"]) == ("depthwise", None, None)
    assert "it needs" in illegal["reason"]
    assert [row["point"] for row in rows] == sorted(row["point"] for row in rows)


def test_the_shipped_counts_are_up_to_date() -> None:
    """If not: python -m ablations.planning.counts."""
    remembered = counts.read_counts(counts.SHIPPED)
    timm = json.loads(counts.SHIPPED.read_text())["timm"]
    wanted = set()
    for study in load_experiments(find_experiments()).studies.values():
        setting = setting_of(resolve(study.data))
        assert setting is not None
        wanted |= {counts.key_of(row.spec, setting, timm=timm) for row in make_plan(study).rows}

    assert set(remembered) == wanted


def test_every_module_that_decides_a_count_makes_old_counts_stale(tmp_path: Path) -> None:
    """Whatever counting imports, but what only draws values or is a spec, which the key holds."""
    package = shutil.copytree(Path(lit_models.__file__).parent, tmp_path / "lit_models")
    found, before = set(count_code.deciding(package)), count_code.digest_of(package)
    assert before == count_code.code_digest()
    assert {"network.builder", "network.layers", "space.geometry", "families.reference"} <= found
    assert not found & {"network.initialise", "network.seeding", "families.resnet"}
    for name in ("network/initialise.py", "families/resnet.py"):
        add(package / name, "# a word")
        assert count_code.digest_of(package) == before
    add(package / "network/layers.py", "from lit_models.network.later import ONE")
    (package / "network/later.py").write_text("ONE = 1\n")
    assert set(count_code.deciding(package)) == {*found, "network.later"}
    last = count_code.digest_of(package)
    for name in sorted({*found, "network.later"}):
        add(count_code.file_of(package, name), "# a word")
        assert count_code.digest_of(package) != last
        last = count_code.digest_of(package)


def add(file: Path, line: str) -> None:
    """Write a line below a file."""
    file.write_text(f"{file.read_text()}\n{line}\n")


def test_a_count_of_a_network_of_timm_is_of_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting(224, 1000, 3)
    ours, theirs = SPECS["resnet50"], TimmModel("resnet18")
    before = [counts.key_of(network, setting) for network in (ours, theirs)]
    monkeypatch.setattr(metadata, "version", lambda _: "another timm")
    after = [counts.key_of(network, setting) for network in (ours, theirs)]
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_counts_are_those_of_the_networks(tmp_path: Path) -> None:
    setting = Setting(224, 1000, 3)
    cost = count_specs([SPECS["resnet50"]], setting, runs_root=tmp_path)[SPECS["resnet50"]]

    assert cost.params == 25_557_032  # timm's resnet50
    assert cost.gmacs == pytest.approx(4.089, abs=0.0005)


def test_an_image_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a 8 px image does not fit this network"):
        count_specs([SPECS["convnext_tiny"]], Setting(8, 10, 3), runs_root=tmp_path)


def test_counts_are_remembered_until_the_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []

    def count(*_: object) -> Cost:
        counted.append(1)
        return Cost(7, 0.5, 3)

    monkeypatch.setattr(counts, "_count", count)
    monkeypatch.setattr(counts, "SHIPPED", tmp_path / "absent.json")
    specs, setting = [SPECS["resnet50"]], Setting(32, 10, 3)

    for _ in range(2):
        found = count_specs(specs, setting, runs_root=tmp_path)
        assert found[SPECS["resnet50"]] == Cost(7, 0.5, 3)
    assert len(counted) == 1
    count_specs(specs, replace(setting, num_classes=11), runs_root=tmp_path)
    assert len(counted) == 2

    monkeypatch.setattr(counts, "code_digest", lambda: "other code")
    count_specs(specs, setting, runs_root=tmp_path)
    assert len(counted) == 3
    monkeypatch.setattr(metadata, "version", lambda _: "another timm")
    count_specs(specs, setting, runs_root=tmp_path)
    assert len(counted) == 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"code": 1}',
        '{"code": "x", "counts": 3}',
        '{"code": "x", "counts": {"k": ["many", 0.5, 3]}}',
        '{"code": "x", "counts": {"k": [7, NaN, 3]}}',
        '{"code": "x", "counts": {"k": [7]}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_memory_is_ignored(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "code_digest", lambda: "x")
    (tmp_path / "counts.json").write_text(text)

    assert counts.read_counts(tmp_path / "counts.json") == {}


def test_classes_are_unknown_without_the_folder(tmp_path: Path) -> None:
    data = DataConfig(name="image_folder", folder=str(tmp_path / "absent"))
    assert setting_of(resolve(data)) is None

    for name in "ab":
        (tmp_path / "tree" / "train" / name).mkdir(parents=True)
    (tmp_path / "tree" / "val").mkdir()
    assert setting_of(resolve(replace(data, folder=str(tmp_path / "tree")))) == Setting(224, 2, 3)
    shutil.rmtree(tmp_path / "tree")
