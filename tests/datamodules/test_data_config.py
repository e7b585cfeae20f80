"""Configs refuse what no run could use, and the catalogue answers without torch."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from datamodules.catalog.catalog import DATASETS, dataset, paths, tree_of
from datamodules.catalog.resolved import count_classes, fetchable, identity, missing, resolve
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig, data_root
from datamodules.sampling.batching import accumulation, per_device_batch
from tests.support.images.image_trees import write_tree


def test_importing_the_catalogue_imports_no_heavy_library() -> None:
    code = (
        "import sys, datamodules; from datamodules import DATASETS, DataConfig, missing, resolve;"
        "missing(resolve(DataConfig())); missing(resolve(DataConfig(name='cifar10')));"
        "heavy = {'torch', 'torchvision', 'lightning', 'timm', 'sklearn', 'numpy', 'PIL'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_has_no_other_names() -> None:
    import datamodules

    for name in datamodules.__all__:
        assert getattr(datamodules, name).__name__ if name != "DATASETS" else DATASETS
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = datamodules.no_such_name


@pytest.mark.parametrize("kind", [DataConfig, Augmentation])
def test_omegaconf_reads_the_dataclasses(kind: type) -> None:
    config = OmegaConf.structured(kind)
    assert OmegaConf.to_object(config) == kind()


def test_omegaconf_overrides_a_tuple() -> None:
    config = OmegaConf.merge(OmegaConf.structured(Augmentation), {"scale": [0.5, 1.0]})
    assert OmegaConf.to_object(config) == Augmentation(scale=(0.5, 1.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loader": "trch"}, r"data.loader is 'trch'. Did you mean torch\?"),
        ({"bad_images": "skp"}, r"data.bad_images is 'skp'. Did you mean skip\?"),
        ({"verify": "x"}, "data.verify is 'x'. Valid: full, header"),
        ({"image_size": 0}, "data.image_size is 0, but it has to be from 4 to 4096"),
        ({"eval_size": 0}, "data.eval_size is 0, but it has to be from 4 to 4096"),
        ({"train_limit": 0}, "data.train_limit is 0"),
        ({"test_limit": -5}, "data.test_limit is -5"),
        ({"val_fraction": 1.0}, "data.val_fraction is 1.0, but it has to be from 0 to 0.9"),
        ({"crop_ratio": 0.0}, "data.crop_ratio is 0.0"),
    ],
)
def test_a_useless_data_config_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(DataConfig(), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": "pda"}, r"recipe.augment.crop is 'pda'. Did you mean pad\?"),
        ({"interpolation": "bicubik"}, r"Did you mean bicubic\?"),
        ({"repeats": 0}, "recipe.augment.repeats is 0, but it has to be from 1 to 100"),
        ({"erasing_mode": "pixl"}, r"Did you mean pixel\?"),
        ({"hflip": 1.5}, "recipe.augment.hflip is 1.5"),
        ({"random_erasing": -0.1}, "recipe.augment.random_erasing is -0.1"),
        ({"color_jitter": 2.0}, "recipe.augment.color_jitter is 2.0"),
        ({"pad": -1}, "recipe.augment.pad is -1"),
        ({"scale": (0.5, 1.5)}, r"recipe.augment.scale is \[0.5, 1.5\]"),
        ({"scale": (0.5,)}, r"recipe.augment.scale is \[0.5\]"),
        ({"ratio": (2.0, 1.0)}, r"recipe.augment.ratio is \[2.0, 1.0\]"),
        ({"rand_augment": "m9-mstd0.5"}, "such as rand-m9-mstd0.5-inc1"),
        ({"first_size": 0, "growth": (0, 1)}, "recipe.augment.first_size is 0"),
        ({"size_step": 0}, "recipe.augment.size_step is 0"),
        ({"growth": (5, 9)}, r"growth is \[5, 9\] without recipe.augment.first_size"),
        ({"first_size": 160, "growth": (9, 5)}, r"growth is \[9, 5\].*\[first epoch, last epoch"),
        ({"first_size": 160}, r"growth is \[0, 0\], but with first_size it has to be"),
    ],
)
def test_a_useless_augmentation_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Augmentation(), **values)  # type: ignore[arg-type]


def test_the_root_is_the_config_then_the_variable_then_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    assert data_root(DataConfig()) == Path("data")
    monkeypatch.setenv("ABLATE_DATA", "/somewhere")
    assert data_root(DataConfig()) == Path("/somewhere")
    assert data_root(DataConfig(root="/else")) == Path("/else")


def test_an_unknown_data_set_is_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"data.name is 'cifar_10'. Did you mean cifar10\?"):
        dataset(DataConfig(name="cifar_10"))


def test_a_folder_belongs_to_image_folder_only() -> None:
    with pytest.raises(ValueError, match=r"data.name=image_folder needs data.folder"):
        dataset(DataConfig(name="image_folder"))
    with pytest.raises(ValueError, match=r"data.folder=x has no meaning for data.name=digits"):
        dataset(DataConfig(folder="x"))


@pytest.mark.parametrize("name", DATASETS)
def test_every_entry_is_complete(name: str) -> None:
    info = DATASETS[name]
    assert info.name == name
    assert info.title
    assert info.source
    assert info.licence
    assert len(info.mean) == len(info.std) == info.in_chans
    assert info.how_to_get or not info.paths
    assert 0 < info.val_fraction < 0.5


def test_resolving_fills_in_the_defaults_of_the_set_and_nothing_else() -> None:
    config = resolve(DataConfig(name="cifar10", train_limit=9)).config
    assert (config.image_size, config.val_fraction, config.loader) == (32, 0.1, "memory")
    assert config.eval_size == 32
    assert config.train_limit == 9
    assert resolve(DataConfig(image_size=64, val_fraction=0.0)).image_size == 64
    assert resolve(DataConfig(image_size=64, val_fraction=0.0)).config.val_fraction == 0.0
    assert resolve(config).config == config


def test_identity_holds_what_changes_results_and_not_where_data_lies() -> None:
    here = DataConfig(name="cifar10", root="/a", download=False)
    there = DataConfig(name="cifar10", root="/b", image_size=32)
    assert identity(resolve(here)) == identity(resolve(there))
    assert not identity(resolve(here)).keys() & {"root", "download", "beton"}
    for change in ({"train_limit": 5}, {"image_size": 64}, {"val_fraction": 0.2}):
        assert identity(resolve(replace(here, **change))) != identity(resolve(here))


def test_missing_says_what_and_how(tmp_path: Path) -> None:
    cifar = DataConfig(name="cifar10", root=str(tmp_path))
    sentence = missing(resolve(cifar))
    assert sentence is not None
    assert f"{tmp_path}/cifar-10-batches-py" in sentence
    assert "it is downloaded when a run needs it" in sentence
    assert fetchable(resolve(cifar))

    offline = replace(cifar, download=False)
    sentence = missing(resolve(offline))
    assert sentence is not None
    assert "downloaded" not in sentence
    assert "cifar-10-python.tar.gz" in sentence
    assert not fetchable(resolve(offline))

    (tmp_path / "cifar-10-batches-py").mkdir()
    assert missing(resolve(cifar)) is None


def test_missing_imagenet_is_never_downloaded(tmp_path: Path) -> None:
    config = DataConfig(name="imagenet", root=str(tmp_path))
    assert not fetchable(resolve(config))
    assert f"{tmp_path}/imagenet" in (missing(resolve(config)) or "")


def test_the_embedded_set_is_never_missing(tmp_path: Path) -> None:
    assert missing(resolve(DataConfig(name="digits", root=str(tmp_path / "nowhere")))) is None


def test_image_folder_is_below_the_root_or_absolute(tmp_path: Path) -> None:
    write_tree(tmp_path / "pets", images=1)
    for config in (
        DataConfig(name="image_folder", folder="pets", root=str(tmp_path)),
        DataConfig(name="image_folder", folder=str(tmp_path / "pets"), root="/nowhere"),
    ):
        assert paths(config)[0] == tree_of(config) == tmp_path / "pets"
        assert missing(resolve(config)) is None
        assert count_classes(resolve(config)) == 3
    gone = DataConfig(name="image_folder", folder="dogs", root=str(tmp_path))
    assert f"no {tmp_path}/dogs" in (missing(resolve(gone)) or "")
    assert count_classes(resolve(gone)) is None


def test_a_relative_folder_is_found_below_the_root_and_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    config = DataConfig(name="image_folder", folder="pets", root=str(tmp_path / "root"))
    assert tree_of(config) == tmp_path / "root/pets"  # where it would be looked for first
    write_tree(tmp_path / "here/pets", images=1)
    assert tree_of(config) == tmp_path / "here/pets"
    assert identity(resolve(config)) == identity(
        resolve(replace(config, folder=str(tmp_path / "here/pets")))
    )
    write_tree(tmp_path / "root/pets", images=1)
    with pytest.raises(ValueError, match=r"data.folder=pets is .*root/pets.*and .*here/pets"):
        tree_of(config)


@pytest.mark.parametrize("key", ["folder", "root", "beton"])
def test_an_unknown_user_in_a_path_is_a_sentence(key: str) -> None:
    values = {"name": "image_folder", "folder": "x", key: "~nobody_here/x"}
    config = DataConfig(**values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=rf"data.{key} is '~nobody_here/x', but there is no user"):
        resolve(config)


def test_count_classes_of_a_known_set_needs_no_data() -> None:
    assert count_classes(resolve(DataConfig(name="cifar100", root="/nowhere"))) == 100


@pytest.mark.parametrize(
    ("total", "per_device", "devices", "expected"),
    [(128, None, 1, 1), (128, 32, 4, 1), (4096, 128, 8, 4), (4096, 128, 32, 1), (60, 10, 3, 2)],
)
def test_accumulation(total: int, per_device: int | None, devices: int, expected: int) -> None:
    assert accumulation(total, per_device, devices) == expected
    assert per_device_batch(total, per_device, devices) * devices * expected == total


@pytest.mark.parametrize(
    ("total", "per_device", "devices", "message"),
    [
        (4096, 100, 8, "no multiple of recipe.batch_size_per_device=100.*valid: 64 or 128"),
        (128, 256, 1, "recipe.batch_size_per_device=256.*valid: 128"),
        (100, None, 8, "shared evenly by hardware.devices=8. Nearest that can: 96 or 104"),
        (2, None, 4, "hardware.devices=4. Nearest that can: 4"),
        (64, None, 4, "not set.*hardware.devices=4 set it to 16 or a divisor"),
        (0, None, 1, "at least 1"),
        (8, 0, 1, "at least 1"),
    ],
)
def test_accumulation_names_the_nearest(
    total: int, per_device: int | None, devices: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        accumulation(total, per_device, devices)
