"""Layer scales: logged while they learn, and refused silence where a recipe cannot grow them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ablations.cli import main
from ablations.planning.notes.scales import stuck_scales
from ablations.planning.plan import make_plan
from ablations.store.runs import RunFolder
from ablations.studies.config import find_experiments
from ablations.studies.study_file import load_experiments
from lit_models import build, parse_step
from lit_models.families.reference import named_network
from lit_models.families.specs import SPECS
from lit_models.recipe.config import TrainingConfig
from lit_models.training.layer_scales import mean_layer_scales, rate_sum, stuck_scale
from lit_models.training.metrics import stage_scale
from lit_models.training.optimisation import create_optimizer, create_schedule
from tests.support.event_files import read

STUDY = """
recipes:
  few: {epochs: 6, batch_size: 64, lr: 4.0e-3, warmup_epochs: 1}
studies:
  stuck:
    points:
      kind: networks
      networks:
        without: [nano_convnext]
        tiny: [nano_convnext, layer_scale=1e-6]
        small: [nano_convnext, layer_scale=1e-4]
        tiny-too: [nano_replknet, layer_scale=1e-6]
        one: [nano_convnext, layer_scale=1]
    data: {name: fashion_mnist, image_size: 32, train_limit: 2000}
    recipe: few
"""
RUN = """
recipes:
  few: {epochs: 2, batch_size: 16, lr: 4.0e-3}
studies:
  stuck:
    points:
      kind: networks
      networks:
        tiny: [nano_convnext, layer_scale=1e-6]
        without: [nano_convnext]
    oversized_kernels: true
    data: {name: digits, image_size: 8, train_limit: 32, test_limit: 16}
    recipe: few
"""
SMALL = SPECS["nano_convnext"]
SCALED = parse_step("layer_scale=1e-6").apply(SMALL)
FEW = TrainingConfig(epochs=6, lr=4e-3, warmup_epochs=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "experiments.yaml"
    path.write_text(STUDY)
    return path


RECIPES = {
    "cosine": FEW,
    "floor": replace(FEW, min_lr=1e-3, warmup_lr=1e-3),
    "line": replace(FEW, schedule="poly", decay_rate=1.0),
    "square": replace(FEW, schedule="poly", decay_rate=2.0),
    "steps": replace(FEW, epochs=8, schedule="step", decay_epochs=3, decay_rate=0.1),
    "constant": replace(FEW, schedule="constant"),
    "piecewise": replace(
        FEW, schedule="piecewise", warmup_epochs=0, lr_knots=[(0, 0), (0.4, 1), (0.8, 0.05), (1, 0)]
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_sum_of_the_rates_is_that_of_the_schedule(name: str) -> None:
    recipe, updates = RECIPES[name], 31
    optimizer = create_optimizer(nn.Linear(2, 2), recipe)
    schedule = create_schedule(optimizer, recipe, updates_per_epoch=updates)
    total = 0.0
    for update in range(recipe.epochs * updates):
        total += optimizer.param_groups[0]["lr"]
        schedule.step_update(update + 1)
    about = rate_sum(recipe, updates=recipe.epochs * updates)
    assert about == pytest.approx(total, rel=0.02)


def test_adamw_moves_a_layer_scale_by_no_more_than_the_sum_of_the_rates() -> None:
    """Even where every step pulls it the same way."""
    recipe = replace(FEW, schedule="constant", warmup_epochs=0, weight_decay=0.0)
    scale = nn.ParameterDict({"gamma": torch.full((1,), 1e-6)})
    optimizer = create_optimizer(scale, recipe)
    for _ in range(50):
        optimizer.zero_grad()
        scale["gamma"].neg().sum().backward()
        optimizer.step()
    moved = float(scale["gamma"].detach())
    assert moved == pytest.approx(rate_sum(recipe, updates=50), rel=1e-3)


def test_a_scale_is_stuck_where_it_starts_small_and_the_rates_add_up_to_little() -> None:
    assert stuck_scale(SCALED, FEW, updates=186) == 1e-6
    assert stuck_scale(SMALL, FEW, updates=186) is None
    assert stuck_scale(parse_step("layer_scale=0.1").apply(SMALL), FEW, updates=186) is None
    assert stuck_scale(SCALED, FEW, updates=100_000) is None
    assert stuck_scale(SCALED, replace(FEW, optimizer="momentum"), updates=186) is None


def test_plan_names_the_points_the_start_the_bound_and_the_remedy(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "stuck", "--no-time", "--file", str(file)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "stuck: layer scales that start at 1e-06 cannot grow here" in said
    assert "the 186 optimizer steps add up to 0.37" in said
    assert "layer_scale=off and layer_scale=1" in said
    assert "(in 01_tiny, 03_tiny-too)" in said
    assert "start at 0.0001 cannot grow" in said
    assert "(in 02_small)" in said
    assert main(["plan", "stuck", "--no-time", "--file", str(file), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    warned = {row["step"] for row in rows if row["warning"] is not None}
    assert warned == {"tiny", "small", "tiny-too"}


def test_no_study_of_this_project_has_a_scale_that_its_recipe_cannot_grow() -> None:
    checked = 0
    for study in load_experiments(find_experiments()).studies.values():
        whole = {"imagenet": 1_281_167, "imagenet22k": 14_197_122}.get(study.data.name, 1_000)
        images = study.data.train_limit or whole
        assert not stuck_scales(make_plan(study), images), study.name
        checked += 1
    assert checked > 30


def test_weights_that_a_recipe_starts_from_bring_scales_of_their_own(file: Path) -> None:
    study = load_experiments(file).studies["stuck"]
    assert stuck_scales(make_plan(study), 2000)
    study.recipe.start_from = "timm/convnext_tiny"
    assert not stuck_scales(make_plan(study), 2000)
    assert not stuck_scales(make_plan(study), None)


def test_mean_layer_scales_by_stage() -> None:
    model = build(parse_step("layer_scale=0.5").apply(SMALL), num_classes=3, seed=0)
    gammas = [value for name, value in model.named_parameters() if name.endswith("gamma")]
    with torch.no_grad():
        gammas[0][:12] = -2.0  # half of the channels of stage 1
    found = {name: float(value) for name, value in mean_layer_scales(model).items()}
    assert found == {stage_scale(0): 1.25, stage_scale(1): 0.5, stage_scale(2): 0.5}
    assert list(found) == ["layer_scale/stage1", "layer_scale/stage2", "layer_scale/stage3"]
    assert mean_layer_scales(build(SMALL, num_classes=3)) == {}


def test_timms_layer_scales_count_too() -> None:
    with torch.device("meta"):
        model = build(named_network("timm/convnext_atto"), num_classes=3)
    assert list(mean_layer_scales(model)) == [stage_scale(stage) for stage in range(4)]


def test_a_run_warns_first_and_logs_every_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "experiments.yaml").write_text(RUN)
    file, runs = str(tmp_path / "experiments.yaml"), tmp_path / "runs"
    options = ["--file", file, "--runs", str(runs), "--workers", "0"]
    assert main(["run", "stuck", *options]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the 4 optimizer steps add up to 0.008" in said
    assert "(in 00_tiny)" in said
    names = [stage_scale(stage) for stage in range(3)]
    for run in (runs / "all").iterdir():
        folder = RunFolder(run)
        config, summary, rows = folder.config(), folder.summary(), folder.metrics()
        assert summary is not None
        scaled = config["labels"]["step"] == "tiny"
        assert len(rows) == 2
        assert all(set(names) <= set(row) if scaled else not set(names) & set(row) for row in rows)
        if scaled:
            assert all(1e-6 < row[name] < 0.01 for row in rows for name in names)
            assert {name: summary[name] for name in names} == {n: rows[-1][n] for n in names}
            tags = read(run / "tensorboard").Tags()["scalars"]
            assert set(names) <= set(tags)
