"""A run's identity: stable, and changed by everything that decides a result, nothing else."""

import json
from dataclasses import asdict, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ablations.planning import run_config as module
from ablations.planning.identity import digest, run_id
from ablations.planning.normal_form import (
    CLASSES,
    SCHEMA_VERSION,
    current_fields,
    frozen_schema,
    renewed,
)
from ablations.planning.plan import make_plan
from ablations.planning.run_config import decides, run_config
from ablations.run.checkpoint import differences
from ablations.studies.config import Recipe, Study
from datamodules.catalog.resolved import resolve
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from lit_models import SPECS
from lit_models.families.reference import TimmModel
from lit_models.families.serialise import from_dict, to_dict
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.weight_files import WEIGHT_KEYS
from lit_models.space.spec import Extra, ExtraOption

SPEC = SPECS["convnext_tiny"]
DATA = DataConfig(name="cifar10")
RECIPE = Recipe(epochs=5)


def identify(**changes: Any) -> dict[str, Any]:
    given = {"spec": SPEC, "data": DATA, "recipe": RECIPE, "seed": 3, **changes}
    return decides(run_config(given.pop("spec"), **{**given, "data": resolve(given["data"])}))


def test_the_hash_is_frozen() -> None:
    """A changed default or field makes old results stale. If that is meant, renew the hash here."""
    assert run_id(identify()) == "cifar10-seed3-c3fabb79a68d"


def test_it_is_plain_data_and_key_order_does_not_matter() -> None:
    plain = identify()
    shuffled = json.loads(json.dumps(dict(reversed(plain.items()))))
    shuffled["recipe"] = dict(reversed(shuffled["recipe"].items()))

    assert digest(shuffled) == digest(plain)


@pytest.mark.parametrize(
    "field", [f.name for f in fields(TrainingConfig) if f.name not in WEIGHT_KEYS]
)
def test_every_training_field_is_in_it(field: str) -> None:
    changed = replace(RECIPE)
    setattr(changed, field, "other")

    assert run_id(identify(recipe=changed)) != run_id(identify())


def test_a_file_of_weights_is_in_it_by_its_content(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.ckpt", "b.ckpt", "c.ckpt")]
    for file, content in zip(files, ("one", "one", "two"), strict=True):
        file.write_text(content)
    a, b, c = (run_id(identify(recipe=replace(RECIPE, teacher=str(f)))) for f in files)

    assert a == b != c
    assert a != run_id(identify())
    files[0].write_text("three")
    assert run_id(identify(recipe=replace(RECIPE, teacher=str(files[0])))) not in (a, c)


def test_weights_of_timm_are_in_it_by_name() -> None:
    a, b = (identify(recipe=replace(RECIPE, teacher=f"timm/{n}")) for n in ("resnet18", "resnet50"))

    assert run_id(a) != run_id(b)
    assert "weights" not in a


def test_a_file_of_weights_that_is_not_there_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recipe\.teacher is .*absent.* no such file"):
        identify(recipe=replace(RECIPE, teacher=str(tmp_path / "absent")))
    with pytest.raises(ValueError, match=r"recipe\.teacher .*without checkpoints/last\.ckpt"):
        identify(recipe=replace(RECIPE, teacher=str(tmp_path)))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"spec": replace(SPEC, drop_path_rate=0.2)},
        {"data": DataConfig(name="cifar100")},
        {"data": DataConfig(name="cifar10", val_fraction=0.2)},
        {"data": DataConfig(name="cifar10", train_limit=10)},
        {"recipe": replace(RECIPE, augment=Augmentation(hflip=0.1))},
    ],
    ids=["seed", "spec", "data", "val_fraction", "train_limit", "augmentation"],
)
def test_what_decides_a_result_changes_it(change: dict[str, Any]) -> None:
    assert run_id(identify(**change)) != run_id(identify())


@pytest.mark.parametrize(
    "data",
    [
        DataConfig(name="cifar10", root="/elsewhere"),
        DataConfig(name="cifar10", download=False),
        DataConfig(name="cifar10", image_size=32),  # the data set's own, said aloud
    ],
    ids=["root", "download", "default"],
)
def test_what_decides_no_result_does_not(data: DataConfig) -> None:
    assert run_id(identify(data=data)) == run_id(identify())


def test_a_new_schema_makes_everything_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_id(identify())
    monkeypatch.setattr(module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)

    assert run_id(identify()) != before


def test_what_a_device_takes_at_once_is_in_it_however_it_is_said() -> None:
    said = [replace(RECIPE, batch_size_per_device=size) for size in (None, 128, 64)]
    null, whole, half = (run_id(identify(recipe=recipe)) for recipe in said)
    assert null == whole != half


def test_a_batch_that_depends_on_the_devices_is_refused() -> None:
    study = Study(name="a", trajectory="convnext_nano")
    study.hardware.devices = 2
    with pytest.raises(ValueError, match=r"recipe.batch_size_per_device is not set.*set it to 64"):
        make_plan(study)


def test_the_schema_file_is_up_to_date() -> None:
    """New field: `python -m ablations.planning.normal_form`. New default: raise SCHEMA_VERSION."""
    schema = frozen_schema()
    assert renewed(schema, current_fields(), version=SCHEMA_VERSION) == schema


def test_a_changed_default_or_a_lost_field_needs_a_new_schema() -> None:
    schema, now = frozen_schema(), current_fields()
    changed = {**now, "Recipe": {**now["Recipe"], "lr": 2.0}}
    lost = {**now, "Recipe": {key: now["Recipe"][key] for key in now["Recipe"] if key != "lr"}}
    for table in (changed, lost):
        with pytest.raises(ValueError, match=r"Recipe.lr had the default 0.001.*SCHEMA_VERSION"):
            renewed(schema, table, version=SCHEMA_VERSION)
        assert renewed(schema, table, version=SCHEMA_VERSION + 1).fields == table


@pytest.fixture(params=[kind.__name__ for kind in CLASSES])
def grown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class of the configuration that has got one more field, `later`, with a default."""
    kind: Any = next(kind for kind in CLASSES if kind.__name__ == request.param)
    donor: Any = make_dataclass("donor", [("later", int, field(default=0, init=False))])
    fields_of = vars(kind)["__dataclass_fields__"]
    monkeypatch.setitem(fields_of, "later", donor.__dataclass_fields__["later"])
    monkeypatch.setitem(kind.__annotations__, "later", int)
    monkeypatch.setattr(kind, "later", 0, raising=False)
    return kind


def everything() -> dict[str, Any]:
    """A run that has every class of a configuration in it."""
    extra = Extra("se", "pointwise_out", (ExtraOption("reduction", 8),))
    spec = SPECS["robust_resnet_down_inverted_dw_small_reparam"].map_branches(
        lambda branch: replace(branch, extras=(extra,))
    )
    return identify(spec=spec, recipe=replace(RECIPE, augment=Augmentation(hflip=0.5)))


EVERYTHING = run_id(everything())
OF_TIMM = run_id(identify(spec=TimmModel("resnet18")))
HELD = to_dict(SPECS["convnext_tiny"])


def test_a_field_that_is_added_changes_no_id_until_it_is_used(grown: type) -> None:
    resolved = everything()
    assert "later" in json.dumps(resolved) or grown is TimmModel
    assert run_id(resolved) == EVERYTHING
    assert run_id(identify(spec=TimmModel("resnet18"))) == OF_TIMM
    if grown is not TimmModel:
        used = json.loads(json.dumps(resolved).replace('"later": 0', '"later": 1'))
        assert run_id(used) != EVERYTHING


def test_a_field_that_is_added_makes_no_checkpoint_unreadable(grown: type) -> None:
    del grown
    assert from_dict(HELD) == SPECS["convnext_tiny"]
    old = {"spec": HELD, "training": OLD_TRAINING, "num_classes": 10}
    new = {**old, "spec": to_dict(SPECS["convnext_tiny"]), "training": asdict(TrainingConfig())}
    assert not list(differences(new, old))


OLD_TRAINING = asdict(TrainingConfig())


def test_equal_configurations_are_one_run_in_different_studies() -> None:
    recipe = Recipe(batch_size_per_device=32)
    base = Study(name="a", trajectory="convnext_nano", recipe=recipe)
    other = replace(base, name="b", title="other", hardware=replace(base.hardware, devices=2))
    first, second = make_plan(base).rows, make_plan(other).rows

    assert [row.run_id for row in first] == [row.run_id for row in second]
    assert len({row.run_id for row in first}) == 13
