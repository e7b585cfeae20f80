"""Every key of every section has a range or a choice, checked before anything is trained."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from ablations.cli import main
from ablations.grid.preflight import _check_recipe
from ablations.planning.cost import Setting
from ablations.studies.config import StudyConfig
from ablations.studies.designs import DESIGNS, Points
from ablations.studies.seeds import as_written
from lit_models import SPECS
from lit_models.recipe.config import TrainingConfig

# A value that no run could use, for every key; more where one end is not enough.
BAD: Mapping[str, tuple[str, ...]] = {
    "points.kind": ("cumulativ",),
    "points.alternatives": ("7",),
    "points.steps": ("[nonsense]",),
    "points.always": ("[nonsense]",),
    "points.lists": ("{'../a': []}",),
    "points.networks": ("{'../a': [nano_resnet]}",),
    "points.orders": ("-1",),
    "points.runs": ("-1",),
    "points.antithetic": ("7",),
    "points.group": ("[[nonsense]]",),
    "points.ends": ("7",),
    "points.draw": ("-1",),
    "points.base": ("middle",),
    "points.match": ("7", "{gmac: end}", "{gmacs: -1}", "{gmacs: end, within: 3}"),
    "data.name": ("digit",),
    "data.title": ("[a]",),
    "data.folder": ("digits",),
    "data.root": ("~nobody_here/x",),
    "data.download": ("7",),
    "data.image_size": ("0", "3", "100000", ".inf"),
    "data.eval_size": ("1", "1e9"),
    "data.val_fraction": ("-0.1", "1", ".nan"),
    "data.test_fraction": ("0", "1"),
    "data.train_limit": ("0", "-5"),
    "data.test_limit": ("0",),
    "data.crop_ratio": ("0", "1.5", ".nan"),
    "data.loader": ("ffvc",),
    "data.beton": ("~nobody_here/x.beton",),
    "data.bad_images": ("ignore",),
    "data.verify": ("some",),
    "recipe.epochs": ("0", "-1", "10000000", "1.5"),
    "recipe.batch_size": ("0", "-64"),
    "recipe.batch_size_per_device": ("0", "7"),
    "recipe.lr": ("0", "-1", ".inf", ".nan"),
    "recipe.weight_decay": ("-1", ".nan"),
    "recipe.betas": ("[0.9,1.0]", "[-0.1,0.9]"),
    "recipe.eps": ("0", "-1"),
    "recipe.momentum": ("1.5", "-0.1"),
    "recipe.decay_all": ("7",),
    "recipe.decay_layer_scale": ("7",),
    "recipe.layer_decay": ("0", "2"),
    "recipe.layer_decay_groups": ("convnext", "official"),
    "recipe.schedule": ("cosin", "plateau"),
    "recipe.schedule_by": ("batch",),
    "recipe.warmup_epochs": ("-1", "8", ".inf"),
    "recipe.warmup_lr": ("-1", "5"),
    "recipe.warmup_prefix": ("7",),
    "recipe.min_lr": ("-1", "5"),
    "recipe.decay_epochs": ("0", "5"),
    "recipe.decay_rate": ("0", "0.5"),
    "recipe.lr_knots": ("[[0,0],[1,1]]", "[[0,.nan],[1,1]]"),
    "recipe.label_smoothing": ("-0.5", "1", "1.5", "2"),
    "recipe.mixup": ("-1", ".inf"),
    "recipe.cutmix": ("-1",),
    "recipe.mixup_prob": ("2", "-1"),
    "recipe.mixup_switch_prob": ("2",),
    "recipe.mixup_mode": ("bach", "batches"),
    "recipe.drop_path_rate": ("1", "-0.1"),
    "recipe.head_init_scale": ("0", "-1", ".nan"),
    "recipe.blur_pool": ("7",),
    "recipe.gradient_clip": ("-1", "0"),
    "recipe.ema_decay": ("1.0", "1.5", "-0.1"),
    "recipe.ema_warmup": ("7",),
    "recipe.flip_test": ("7",),
    "recipe.precision": ("fp7", "fp16"),
    "recipe.tf32": ("7",),
    "recipe.sync_batch_norm": ("7",),
    "recipe.channels_last": ("7",),
    "recipe.compile": ("7",),
    "recipe.deterministic": ("7",),
    "recipe.start_from": ("absent.ckpt",),
    "recipe.start_from_ema": ("true",),
    "recipe.teacher": ("absent.ckpt",),
    "recipe.teacher_ema": ("true",),
    "recipe.distillation": ("harder",),
    "recipe.distillation_alpha": ("0", "1.5"),
    "recipe.distillation_temperature": ("0", ".inf"),
    "recipe.metrics": ("[absent]", "[absent,absent]", "7"),
    "recipe.augment.crop": ("centre",),
    "recipe.augment.pad": ("-1", "100000"),
    "recipe.augment.scale": ("[0.5,0.1]", "[0,1]", "[0.1,2]", "[.nan,1]"),
    "recipe.augment.ratio": ("[2,1]", "[1,.inf]"),
    "recipe.augment.interpolation": ("cubic",),
    "recipe.augment.first_size": ("0",),
    "recipe.augment.growth": ("[2,1]", "[-1,4]"),
    "recipe.augment.size_step": ("0",),
    "recipe.augment.hflip": ("2", "-1"),
    "recipe.augment.rand_augment": ("rand-mx", "v0", "auto-m9"),
    "recipe.augment.color_jitter": ("-1", "2"),
    "recipe.augment.random_erasing": ("2",),
    "recipe.augment.erasing_mode": ("noise",),
    "recipe.augment.repeats": ("0", "1000"),
    "recipe.augment.custom": ("[absent]", "[a=0]", "[a=2]", "[a=x]", "['=1']", "7"),
    "seeds": ("[]", "[1,1]", "[-1]", "{}", "{first: 2, most: 4}"),
    "seeds.first": ("1", "100000"),
    "seeds.most": ("1", "x"),
    "seeds.until.half_width": ("0", "-1", ".inf"),
    "hardware.accelerator": ("tpu",),
    "hardware.devices": ("0", "100000"),
    "hardware.num_workers": ("-1", "100000"),
    "hardware.threads": ("0", "100000"),
    "hardware.workers": ("-1", "100000"),
    "hardware.runs_per_gpu": ("0",),
    "robustness.suite": ("corruption", "[quick,quick]"),
    "robustness.images": ("0", "-1"),
    "robustness.seed": ("-1",),
    "robustness.weights": ("average",),
    "robustness.after_run": ("7", "true"),
    "robustness.batch_size": ("0",),
    "robustness.extra": ("7",),
    "robustness.reencode": ("95",),
    "robustness.mask": ("7",),
    "robustness.alexnet_t5d": ("[a]",),
    **{
        f"robustness.folders.{name}": ("[a]",)
        for name in (
            *("imagenet_a", "imagenet_r", "imagenet_o", "imagenet_sketch", "stylized"),
            *("imagenet_c", "imagenet_p", "imagenet_9"),
            *("cifar10_c", "cifar100_c", "tiny_imagenet_c"),
        )
    },
    "robustness.occlusion.patch": ("0",),
    "robustness.occlusion.saliency": ("spectrum", "dino", "masks", "reference"),
    "robustness.occlusion.reference": ("[a]",),
    "robustness.occlusion.masks": ("[a]",),
    "robustness.occlusion.dino": ("[a]",),
    "robustness.attacks.fgsm": ("[8]", "[-0.1]", "[.nan]"),
    "robustness.attacks.pgd": ("[2]", "[-1]"),
    "robustness.attacks.steps": ("0",),
    "robustness.attacks.restarts": ("0",),
    "robustness.attacks.sweep": ("[0]", "[-1]", "7"),
    "robustness.attacks.transfer": ("7", "true"),
    "robustness.attacks.surrogate": ("[a]",),
    "robustness.attacks.taig": ("[10]",),
    "robustness.lesion.draws": ("0",),
    "robustness.lesion.stages": ("[0]", "7"),
    "robustness.noise.rings": ("0",),
    "robustness.noise.rms": ("0", "2", ".nan"),
    "robustness.noise.energy": ("equally",),
    "robustness.ood.data": ("[a]",),
    "robustness.ood.held_out_classes": ("7",),
    "robustness.receptive_field.side": ("0",),
    "robustness.receptive_field.images": ("0",),
    "published": ("nothing",),
    "oversized_kernels": ("7",),
}
# Names and words for people: any text is one.
FREE = {"title", "description", "trajectory", "recipe.optimizer"}


def keys_of(kind: Any, prefix: str = "") -> Iterator[str]:
    """Every key of a section and of the sections below it."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        key, hint = f"{prefix}{field.name}", hints[field.name]
        inner = next((c for c in (hint, *get_args(hint)) if is_dataclass(c)), None)
        if inner is None:
            yield key
        elif inner is Points:
            yield from {f"{key}.{f.name}" for d in DESIGNS.values() for f in fields(d.options)}
        else:
            yield from keys_of(inner, f"{key}.")


def test_no_key_lacks_a_bad_value() -> None:
    assert set(BAD) | FREE == set(map(as_written, keys_of(StudyConfig)))


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in BAD.items() for value in values]
)
def test_a_bad_value_is_refused_by_the_plan(
    key: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "own.yaml"  # read faster than the project's
    file.write_text("studies:\n  s: {trajectory: convnext_nano, recipe: {epochs: 8}}\n")
    assert main(["plan", "s", "--file", str(file), f"{key}={value}", "--no-time"]) == 2
    said = capsys.readouterr().err
    assert key.rpartition(".")[2] in said
    assert said.count("\n") == 1


def test_a_bad_value_in_a_file_is_named_with_its_line(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "recipes:\n  short:\n    epochs: 3\n    weight_decay: -1\n"
        "studies:\n  s:\n    trajectory: convnext_nano\n    recipe: short\n"
    )
    assert main(["plan", "s", "--file", str(file), "--no-time"]) == 2
    said = capsys.readouterr().err
    assert f"{file}:4" in said
    assert "recipe.weight_decay is -1" in said


@pytest.mark.parametrize(
    ("optimizer", "changes"),
    [
        ("adamw", {"momentum": 0.8}),
        ("momentum", {"betas": (0.8, 0.9)}),
        ("momentum", {"eps": 1e-6}),
    ],
)
def test_what_an_optimizer_does_not_read_is_refused(
    optimizer: str, changes: dict[str, Any]
) -> None:
    from ablations.studies.config import Recipe

    recipe = Recipe(optimizer=optimizer, **changes)
    (name,) = changes
    with pytest.raises(ValueError, match=rf"recipe.{name} is .*recipe.optimizer={optimizer}"):
        _check_recipe(recipe, SPECS["nano_resnet"], Setting(32, 10, 3))


def test_a_library_user_is_refused_the_same_values() -> None:
    with pytest.raises(ValueError, match=r"recipe.lr is nan, but it has to be above 0"):
        TrainingConfig(lr=float("nan"))
