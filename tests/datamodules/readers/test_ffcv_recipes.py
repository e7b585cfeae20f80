"""FFCV's ImageNet recipes as data, and what a recipe may ask for because of them."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from timm.layers import BlurPool2d
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from ablations.commands.plan import plan_costs
from ablations.commands.show import describe
from ablations.planning.find_run import find_run
from ablations.planning.plan import make_plan
from ablations.planning.run_config import to_plain
from ablations.studies.config import Recipe, Study, find_experiments
from ablations.studies.designs.explicit import ExplicitPoints
from ablations.studies.study_file import load_experiments, read_source, resolve_study
from datamodules.augment.cropping import growing_side
from datamodules.config.data import DataConfig
from lit_models import SPECS, ArchSpec, LitClassifier, TrainingConfig, count, to_dict
from lit_models.space.spec import Init
from lit_models.training.metrics import VAL_EMA_LOSS, VAL_LOSS
from lit_models.training.optimisation import create_optimizer, create_schedule
from tests.support.run_folders import CONVNEXT, NANO, RESNET

EPOCHS = {"ffcv_rn50_16": 16, "ffcv_rn50_32": 32, "ffcv_rn50_88": 88}
STUDY = Study(name="s", trajectory="convnext_nano", data=DataConfig(image_size=16))
BLURRED = replace(STUDY, recipe=Recipe(blur_pool=True, drop_path_rate=0.25))
BLURRED_TRAINING = TrainingConfig(blur_pool=True, drop_path_rate=0.25)
SPEC = replace(RESNET, init=Init("fan_out"))  # large enough for logits that differ
IMAGES = torch.randn(24, 1, 16, 16, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(24) % 10
LOADER = DataLoader(TensorDataset(IMAGES, CLASSES), batch_size=8)


def recipe_of(name: str) -> Recipe:
    source = read_source(find_experiments())
    return resolve_study(source, "resnet50_ffcv_16", [f"recipe={name}"]).recipe


def trainer(epochs: int = 1) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def classifier(config: TrainingConfig, spec: ArchSpec = SPEC) -> LitClassifier:
    values = {key: value for key, value in asdict(config).items() if key != "augment"}
    return LitClassifier(to_dict(spec), values, num_classes=10, in_chans=1, seed=0)


@pytest.mark.parametrize("name", EPOCHS)
def test_the_recipes_say_what_the_original_does(name: str) -> None:
    recipe, augment = recipe_of(name), recipe_of(name).augment

    assert (recipe.epochs, recipe.batch_size, recipe.batch_size_per_device) == (
        *(EPOCHS[name], 4096),
        512,
    )
    assert (recipe.optimizer, recipe.lr, recipe.momentum) == ("momentum", 1.7, 0.9)
    assert (recipe.weight_decay, recipe.decay_all, recipe.label_smoothing) == (1e-4, False, 0.1)
    assert (recipe.precision, recipe.channels_last) == ("16-mixed", True)
    assert (recipe.blur_pool, recipe.flip_test, recipe.drop_path_rate) == (True, True, 0)
    assert (augment.crop, augment.interpolation, augment.hflip) == (
        *("random_resized", "bilinear"),
        0.5,
    )
    assert (tuple(augment.scale), tuple(augment.ratio)) == ((0.08, 1.0), (0.75, 4 / 3))
    scaled = [round(epoch * EPOCHS[name] / 88) for epoch in (65, 76)]
    assert list(augment.growth) == scaled


@pytest.mark.parametrize("name", EPOCHS)
def test_images_grow_from_160_to_192_px_in_steps_of_32(name: str) -> None:
    recipe = recipe_of(name)
    sides = [growing_side(recipe.augment, 192, epoch=epoch) for epoch in range(recipe.epochs)]

    assert sides == sorted(sides)
    assert set(sides) == {160, 192}
    assert sides.index(192) in range(*recipe.augment.growth)


def test_the_study_evaluates_at_256_px() -> None:
    study = load_experiments(find_experiments()).studies["resnet50_ffcv_16"]
    (row,) = make_plan(study).rows

    assert (study.data.name, study.data.image_size, study.data.eval_size) == ("imagenet", 192, 256)
    assert study.data.crop_ratio == 224 / 256
    start = SPECS["resnet50__torchvision"]
    assert row.spec == replace(start, blur_pool=True, drop_path_rate=0)


@pytest.mark.parametrize("updates", [1, 7, 312])
@pytest.mark.parametrize("name", EPOCHS)
def test_the_rate_is_a_line_up_and_a_line_down_at_every_step(name: str, updates: int) -> None:
    recipe = recipe_of(name)
    optimizer = create_optimizer(torch.nn.Linear(2, 2), recipe)
    schedule = create_schedule(optimizer, recipe, updates_per_epoch=updates)
    found = []
    for update in range(recipe.epochs * updates + 1):
        found.append([group["lr"] for group in optimizer.param_groups])
        schedule.step_update(update + 1)

    steps = np.arange(len(found)) / updates
    expected = np.interp(steps, [0, 2, recipe.epochs], [1e-4 * recipe.lr, recipe.lr, 0])
    np.testing.assert_allclose(found, np.stack([expected] * 2, axis=1), rtol=1e-9, atol=1e-12)


def test_weight_decay_is_on_the_matrices_alone() -> None:
    recipe = recipe_of("ffcv_rn50_16")
    module = classifier(recipe)
    names = {id(parameter): name for name, parameter in module.backbone.named_parameters()}
    decayed = {
        names[id(parameter)]
        for group in create_optimizer(module.backbone, recipe).param_groups
        if group["weight_decay"]
        for parameter in group["params"]
    }
    wanted = {name for name in names.values() if name.endswith(("conv.weight", "fc.weight"))}
    assert decayed == wanted


def test_a_recipe_with_blur_pool_trains_and_leaves_the_filter_as_it_was() -> None:
    config = replace(recipe_of("ffcv_rn50_16"), epochs=3, batch_size=8, lr=0.05, ema_decay=0.9)
    module = classifier(config)
    before = {name: value.clone() for name, value in module.named_buffers() if "blur" in name}
    weight = module.backbone.get_parameter("head.fc.weight").detach().clone()
    training = trainer(epochs=3)
    training.fit(module, LOADER, LOADER)

    assert before
    after = dict(module.named_buffers())
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not torch.equal(module.backbone.get_parameter("head.fc.weight"), weight)
    assert torch.isfinite(training.callback_metrics[VAL_LOSS])


def validated(config: TrainingConfig) -> tuple[LitClassifier, Mapping[str, float]]:
    module = classifier(config)
    (measured,) = trainer().validate(module, LOADER, verbose=False)
    return module, measured


@pytest.mark.parametrize("channels_last", [False, True])
def test_flip_test_scores_the_mean_of_both_logits(*, channels_last: bool) -> None:
    config = TrainingConfig(flip_test=True, ema_decay=0.9, channels_last=channels_last)
    module, measured = validated(config)
    with torch.no_grad():
        module.eval()
        mirrored = torch.from_numpy(IMAGES.numpy()[..., ::-1].copy())
        once, twice = module(IMAGES), (module(IMAGES) + module(mirrored)) / 2
    expected = cross_entropy(twice, CLASSES).item()

    assert measured[VAL_LOSS] == pytest.approx(expected, rel=1e-5)
    assert measured[VAL_EMA_LOSS] == pytest.approx(expected, rel=1e-5)
    plain = cross_entropy(once, CLASSES).item()
    assert abs(plain - expected) > 1e-4 * plain
    assert validated(replace(config, flip_test=False))[1][VAL_LOSS] == pytest.approx(plain)


def test_training_and_prediction_see_an_image_once() -> None:
    module = classifier(TrainingConfig(flip_test=True))
    seen = []
    module.backbone.register_forward_hook(lambda *_: seen.append(1))
    module(IMAGES)
    module.training_step((IMAGES, CLASSES), 0)
    assert len(seen) == 2
    module.test_step((IMAGES, CLASSES), 0)
    assert len(seen) == 4


def test_a_plan_shows_the_networks_that_are_trained(tmp_path: Path) -> None:
    plain, blurred = make_plan(STUDY), make_plan(BLURRED)
    costs, more = plan_costs(plain, tmp_path), plan_costs(blurred, tmp_path)

    for before, after in zip(plain.rows, blurred.rows, strict=True):
        assert isinstance(before.spec, ArchSpec)
        assert isinstance(after.spec, ArchSpec)
        assert after.spec == replace(before.spec, blur_pool=True, drop_path_rate=0.25)
        assert to_plain(after.config, after.run_id)["spec"] == to_dict(after.spec)
        assert classifier(BLURRED_TRAINING, after.spec).spec == after.spec
        assert more[after.spec].params == costs[before.spec].params
        assert more[after.spec].gmacs > costs[before.spec].gmacs
        expected = count(after.spec, image_size=16, num_classes=10, in_chans=1).gmacs
        assert more[after.spec].gmacs == expected


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (CONVNEXT, "blur pool needs a convolution with a stride and 16 input channels or more"),
        (replace(NANO.start, blur_pool=True), "recipe.blur_pool changes nothing"),
    ],
)
def test_a_point_where_the_recipe_changes_nothing_is_named_before_any_run(
    start: ArchSpec, reason: str
) -> None:
    line, points = replace(NANO, start=start), ExplicitPoints(lists={"small": []})

    with pytest.raises(ValueError, match=f"study s: .* point 00_small: {reason}"):
        make_plan(replace(BLURRED, points=points, own_trajectory=line))
    assert len(make_plan(replace(STUDY, points=points, own_trajectory=line)).rows) == 1


def test_what_a_step_changed_has_nothing_of_the_recipe_in_it(tmp_path: Path) -> None:
    file = tmp_path / "experiments.yaml"
    file.write_text(
        "recipes: {blurred: {blur_pool: true, drop_path_rate: 0.25}}\n"
        "studies: {s: {trajectory: convnext_nano, data: digits, recipe: blurred}}\n"
    )
    shown = describe(find_run("s/stage_ratio/0", root=tmp_path, file=file, planned=True), tmp_path)

    assert shown["spec"]["blur_pool"]
    assert [path for path, *_ in shown["change"]["fields"]] == ["depths"]
    assert not any(BlurPool2d.__name__ in name for name in shown["change"]["modules_added"])
