"""Optimizer groups, schedules and the weight average against their definitions."""

import math
from dataclasses import replace
from typing import Any

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay

from lit_models import SPECS, TrainingConfig, build, parse_step
from lit_models.training.ema import create_ema
from lit_models.training.optimisation import create_optimizer, create_schedule, current_lr
from lit_models.training.schedule import RecipeSchedule
from lit_models.weights.official import layouts_of
from tests.lit_models.space.test_one_constant import from_readme
from tests.support.run_folders import CONVNEXT

CONFIG = TrainingConfig(epochs=10, lr=0.004, weight_decay=0.05)
UPDATES = 7  # an epoch
SCALED = parse_step("layer_scale=1e-6").apply(SPECS["nano_convnext"])


def groups(config: TrainingConfig) -> dict[str, dict[str, Any]]:
    """Each parameter's name and the settings of its group."""
    model = build(CONVNEXT, num_classes=10, in_chans=1, seed=0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: {key: value for key, value in group.items() if key != "params"}
        for group in create_optimizer(model, config).param_groups
        for parameter in group["params"]
    }


def test_weight_decay_leaves_out_norms_biases_and_layer_scale() -> None:
    decays = {name: group["weight_decay"] for name, group in groups(CONFIG).items()}
    kernels = {"head.fc.weight", *(name for name in decays if name.endswith("conv.weight"))}
    assert {name for name, decay in decays.items() if decay} == kernels
    assert set(decays.values()) == {0.0, 0.05}
    free = [name for name, decay in decays.items() if not decay]
    for kind in ("norm.weight", "bias", "gamma"):
        assert any(name.endswith(kind) for name in free), kind


def test_decay_all_reaches_every_parameter() -> None:
    decayed = groups(replace(CONFIG, decay_all=True))
    assert {group["weight_decay"] for group in decayed.values()} == {0.05}
    assert decayed.keys() == groups(CONFIG).keys()


def test_layer_decay_falls_from_head_to_stem() -> None:
    scales = {name: g["lr_scale"] for name, g in groups(replace(CONFIG, layer_decay=0.5)).items()}
    blocks = [f"stages.{stage}.blocks.0.0.layers.spatial.conv.weight" for stage in range(3)]
    row = [scales[n] for n in ("stem.0.conv.weight", *blocks, "head.fc.weight")]
    assert row == sorted(row)
    assert row[-1] == 1.0
    assert len(set(row)) == len(row)
    assert all(math.log2(scale) == int(math.log2(scale)) for scale in scales.values())


FAMILIES = (
    "resnet50",
    "convnext_tiny",
    "convnext_small",
    "convmixer_768_32",
)


@pytest.mark.parametrize("name", FAMILIES)
def test_layers_are_timms(name: str) -> None:
    """Every tensor has the factor that timm gives it in its own network."""
    with torch.device("meta"):
        ours, theirs = build(SPECS[name]), timm.create_model(name)
    names = next(iter(layouts_of(ours, timm=True).values()))
    found, expected = (_factors(model) for model in (ours, theirs))
    assert {names[key]: factor for key, factor in found.items()} == expected
    assert len(set(expected.values())) > 10


def test_a_norm_before_the_pooling_goes_with_the_last_block_as_in_timms_mixer() -> None:
    with torch.device("meta"):
        ours, theirs = build(from_readme()), timm.create_model("mixer_s16_224")
    found, expected = (_factors(model) for model in (ours, theirs))
    assert found["head.norm_before.weight"] == expected["norm.weight"] == 0.5
    assert found["head.fc.weight"] == expected["head.weight"] == 1
    assert found["stem.0.conv.weight"] == expected["stem.proj.weight"]


def _factors(model: torch.nn.Module) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups: Any = param_groups_layer_decay(model, layer_decay=0.5)
    return {names[id(p)]: group["lr_scale"] for group in groups for p in group["params"]}


def test_settings_reach_the_optimizer() -> None:
    adamw = groups(replace(CONFIG, betas=(0.8, 0.95), eps=1e-6))["head.fc.weight"]
    assert adamw["betas"] == (0.8, 0.95)
    assert adamw["eps"] == 1e-6
    plain = groups(replace(CONFIG, optimizer="momentum", momentum=0.7))["head.fc.weight"]
    assert (plain["momentum"], plain["nesterov"]) == (0.7, False)


def rates(config: TrainingConfig) -> list[float]:
    """The rate of every optimizer step."""
    optimizer = create_optimizer(build(CONVNEXT, num_classes=10, in_chans=1, seed=0), config)
    schedule = create_schedule(optimizer, config, updates_per_epoch=UPDATES)
    found = []
    for update in range(config.epochs * UPDATES + 1):
        found.append(current_lr(optimizer))
        schedule.step_update(update + 1)
    return found


@pytest.mark.parametrize("layer_decay", [None, 0.8])
@pytest.mark.parametrize("warmup", [0.0, 2.0, 0.5])
def test_warmup_and_cosine_follow_the_closed_form(warmup: float, layer_decay: float | None) -> None:
    config = replace(
        CONFIG, warmup_epochs=warmup, warmup_lr=1e-6, min_lr=1e-5, layer_decay=layer_decay
    )
    first, total = warmup * UPDATES, config.epochs * UPDATES

    def expected(update: int) -> float:
        if update < first:
            return 1e-6 + (config.lr - 1e-6) * update / first
        cosine = math.cos(math.pi * (update - first) / (total - first))
        return 1e-5 + (config.lr - 1e-5) * (1 + cosine) / 2

    assert rates(config) == pytest.approx([expected(update) for update in range(total + 1)])


def test_step_schedule_follows_the_closed_form() -> None:
    config = replace(CONFIG, optimizer="momentum", schedule="step", decay_epochs=3, decay_rate=0.1)
    expected = [config.lr * 0.1 ** (update // (3 * UPDATES)) for update in range(10 * UPDATES + 1)]
    assert rates(config) == pytest.approx(expected)


# ConvMixer's: up for two fifths of the epochs, down to a twentieth for two more, then to 0
TRIANGULAR = [(0.0, 0.0), (0.4, 1.0), (0.8, 0.05), (1.0, 0.0)]


@pytest.mark.parametrize("layer_decay", [None, 0.8])
def test_a_piecewise_schedule_goes_straight_from_knot_to_knot(layer_decay: float | None) -> None:
    config = replace(CONFIG, schedule="piecewise", lr_knots=TRIANGULAR, layer_decay=layer_decay)
    updates = config.epochs * UPDATES
    knots = {0: 0.0, updates * 2 // 5: config.lr, updates * 4 // 5: config.lr / 20, updates: 0.0}

    def expected(update: int) -> float:
        before = max(knot for knot in knots if knot <= update)
        after = min(knot for knot in knots if knot >= update)
        part = (update - before) / (after - before) if after > before else 0.0
        return knots[before] + part * (knots[after] - knots[before])

    assert rates(config) == pytest.approx([expected(update) for update in range(updates + 1)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schedule": "piecewise"}, r"recipe.lr_knots is \[\], but a piecewise"),
        ({"lr_knots": TRIANGULAR}, "recipe.lr_knots has no meaning for recipe.schedule=cosine"),
        ({"schedule": "piecewise", "lr_knots": TRIANGULAR[1:]}, "ascending from 0 to 1"),
        ({"schedule": "piecewise", "lr_knots": TRIANGULAR[::-1]}, "ascending from 0 to 1"),
        ({"schedule": "piecewise", "lr_knots": [(0.0, -0.1), (1.0, 0.0)]}, "from 0 to 1000"),
        (
            {"schedule": "piecewise", "lr_knots": TRIANGULAR, "warmup_epochs": 1.0},
            "recipe.warmup_epochs is 1.0, but",
        ),
    ],
)
def test_knots_that_are_no_schedule_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(CONFIG, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": "adamm"}, "recipe.optimizer.*'adamm'.*adam"),
        ({"schedule": "cosin"}, "recipe.schedule.*'cosin'.*cosine"),
        ({"warmup_epochs": 10.0}, "recipe.warmup_epochs=10.0.*recipe.epochs=10"),
        ({"ema_decay": 1.0}, "recipe.ema_decay.*1.0"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, object], words: str) -> None:
    def create_all() -> None:
        config: TrainingConfig = replace(CONFIG, **change)  # type: ignore[arg-type]
        model = torch.nn.Linear(2, 2)
        create_schedule(create_optimizer(model, config), config, updates_per_epoch=1)
        create_ema(model, config)

    with pytest.raises(ValueError, match=words):
        create_all()


def rates_of(steps: int, **changes: Any) -> list[float]:
    """The learning rate of every optimizer step of 10 epochs of 4 steps."""
    config = replace(CONFIG, epochs=10, lr=1.0, **changes)
    optimizer = create_optimizer(torch.nn.Linear(2, 2), config)
    schedule, found = RecipeSchedule(optimizer, config, steps=steps), []
    for done in range(steps):
        schedule.step_update(done)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_a_schedule_by_epoch_without_prefix_is_that_of_timms_script() -> None:
    found = rates_of(40, schedule_by="epoch", warmup_prefix=False, warmup_epochs=2, warmup_lr=0.1)
    cosine = [0.5 * (1 + math.cos(math.pi * epoch / 10)) for epoch in range(10)]
    epochs = [0.1, 0.1 + 0.9 / 2, *cosine[2:]]
    assert found == pytest.approx([rate for rate in epochs for _ in range(4)])


def test_a_schedule_by_epoch_follows_epochs_that_are_no_whole_number_of_steps() -> None:
    found = rates_of(73, schedule_by="epoch")
    assert len(set(found)) == 10
    # 7.3 steps an epoch: the first one that begins within an epoch has its rate
    assert found[7] == found[0] != found[8]


def test_layer_scales_are_decayed_only_where_the_recipe_says_so() -> None:
    model = build(SCALED, num_classes=3)
    for decays, wanted in ((False, 0.0), (True, 0.3)):
        config = replace(CONFIG, weight_decay=0.3, decay_layer_scale=decays, layer_decay=0.5)
        found = {
            id(value): group["weight_decay"]
            for group in create_optimizer(model, config).param_groups
            for value in group["params"]
        }
        assert len(found) == len(list(model.parameters()))
        for name, value in model.named_parameters():
            if name.endswith("gamma"):
                assert found[id(value)] == wanted, name
            elif value.ndim == 1:
                assert found[id(value)] == 0, name


def test_average_follows_a_hand_written_loop() -> None:
    config = replace(CONFIG, ema_decay=0.9, ema_warmup=True)
    model = torch.nn.Linear(3, 2)
    ema = create_ema(model, config)
    assert ema is not None
    expected = model.weight.detach().clone()
    for step in range(1, 30):
        with torch.no_grad():
            model.weight.add_(torch.randn(2, 3, generator=torch.Generator().manual_seed(step)))
        ema.update(model, step=step)
        # timm's warm-up: 1 - (1 + t)^(-2/3) with t from 0, up to the decay of the recipe
        decay = min(0.9, 1 - step ** (-2 / 3)) if step > 1 else 0.0
        expected = decay * expected + (1 - decay) * model.weight.detach()
    torch.testing.assert_close(ema.module.weight, expected)
    assert not ema.module.weight.requires_grad


def test_the_official_layers_of_convnext_are_a_choice() -> None:
    model = build("convnext_small", num_classes=3)
    config = replace(CONFIG, layer_decay=0.8, layer_decay_groups="convnext")
    found = {
        id(value): (group["lr_scale"], group["weight_decay"])
        for group in create_optimizer(model, config).param_groups
        for value in group["params"]
    }
    names = dict(model.named_parameters())
    assert len(found) == len(names)
    # by hand, after the released code: [3, 3, 27, 3] blocks in twelve groups, stem and head beside
    layers = {
        "stem.0.conv.weight": 0,
        "stages.0.blocks.2.0.layers.pointwise_in.conv.weight": 1,
        "stages.1.downsample.1.conv.weight": 2,
        "stages.1.blocks.0.0.layers.spatial.conv.bias": 2,
        "stages.2.downsample.1.conv.weight": 3,
        "stages.2.blocks.2.0.layers.spatial.conv.weight": 3,
        "stages.2.blocks.3.0.layers.spatial.conv.weight": 4,
        "stages.2.blocks.26.0.scale.gamma": 11,
        "stages.3.downsample.1.conv.weight": 12,
        "stages.3.blocks.2.0.layers.pointwise_out.conv.bias": 12,
        "head.norm.weight": 13,
        "head.fc.bias": 13,
    }
    for name, layer in layers.items():
        decay = 0.05 if names[name].ndim > 1 else 0.0
        assert found[id(names[name])] == (pytest.approx(0.8 ** (13 - layer)), decay), name
    with pytest.raises(ValueError, match=r"layer_decay_groups=convnext .* four stages.*has 3"):
        create_optimizer(build("nano_convnext", num_classes=3), config)
    with pytest.raises(ValueError, match=r"no meaning without recipe\.layer_decay"):
        replace(CONFIG, layer_decay_groups="convnext")
