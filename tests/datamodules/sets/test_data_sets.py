"""The entries of the catalogue: statistics, splits, downloads and incomplete copies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torchvision

from datamodules.catalog import catalog
from datamodules.catalog.catalog import DATASETS
from datamodules.catalog.resolved import missing, resolve
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import build_data_module
from datamodules.sets import arrays, sources
from datamodules.sets.arrays import resized
from datamodules.sets.sources import ArrayImages, load_source
from datamodules.writing.source import source_config
from tests.support.images.image_trees import write_tree

FASHION = DataConfig(name="fashion_mnist", root="/nowhere", download=False)


def pixels(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    images = load_source(replace(FASHION, name=name)).train
    assert isinstance(images, ArrayImages)
    return images.pixels


@pytest.mark.parametrize("name", ["digits", "fashion_mnist"])
def test_the_statistics_of_the_catalogue_are_those_of_the_images(name: str) -> None:
    why = missing(resolve(replace(FASHION, name=name)))
    if why is not None:
        pytest.skip(why)
    info, values = DATASETS[name], pixels(name) / 255
    assert values.shape[1:] == (info.in_chans, info.image_size, info.image_size)
    np.testing.assert_allclose(values.mean(axis=(0, 2, 3)), info.mean, atol=5e-5)
    np.testing.assert_allclose(values.std(axis=(0, 2, 3)), info.std, atol=5e-5)


@pytest.mark.parametrize("name", ["digits", "fashion_mnist"])
def test_normalised_training_images_have_mean_0_and_deviation_1(name: str) -> None:
    why = missing(resolve(replace(FASHION, name=name)))
    if why is not None:
        pytest.skip(why)
    module = build_data_module(
        replace(FASHION, name=name, val_fraction=0.0), Augmentation(), batch_size_per_step=1024
    )
    images, _ = next(iter(module.train_dataloader()))
    assert abs(float(images.mean())) < 0.03
    assert abs(float(images.std()) - 1) < 0.03


def test_digits_are_split_70_10_20_by_class() -> None:
    module = build_data_module(DataConfig(), Augmentation(), batch_size_per_step=64)
    splits, source = module.splits, module.source
    assert splits.val is not None
    sizes = [len(part.indices) for part in (splits.train, splits.val, splits.test)]
    assert sizes == [1258, 180, 359]
    assert np.array(sizes) / 1797 == pytest.approx([0.7, 0.1, 0.2], abs=0.001)
    for labels in (source.train.labels, source.test.labels):
        counts = np.bincount(labels)
        assert counts.max() - counts.min() <= 0.06 * len(labels) / 10
    # No scan is in both parts.
    assert isinstance(source.train, ArrayImages)
    assert isinstance(source.test, ArrayImages)
    train = {image.tobytes() for image in source.train.pixels}
    assert not train & {image.tobytes() for image in source.test.pixels}


@pytest.mark.parametrize("size", [8, 16, 28, 32])
def test_digits_come_in_any_size(size: int) -> None:
    module = build_data_module(DataConfig(image_size=size), Augmentation(), batch_size_per_step=8)
    images, _ = next(iter(module.test_dataloader()))
    assert images.shape[1:] == (1, size, size)


def test_resizing_keeps_range_and_mean() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16), dtype=np.uint8)
    for size in (8, 16, 40):
        small = resized(images, size)
        assert small.dtype == np.uint8
        assert small.shape == (5, 3, size, size)
        assert abs(float(small.mean()) - float(images.mean())) < 2


def test_a_set_is_read_once_in_a_process() -> None:
    first, second = (load_source(DataConfig()) for _ in range(2))
    assert arrays._digit_scans(28)[0] is arrays._digit_scans(28)[0]
    assert isinstance(first.train, ArrayImages)
    assert isinstance(second.train, ArrayImages)
    np.testing.assert_array_equal(first.train.pixels, second.train.pixels)


class FakeCIFAR:
    """Stands in for torchvision's class: its files need a download that tests cannot make."""

    calls: Sequence[tuple[bool, bool]] = ()

    def __init__(self, root: Path, *, train: bool, download: bool) -> None:
        type(self).calls = (*self.calls, (train, download))
        if download:
            (root / "cifar-10-batches-py").mkdir(exist_ok=True)
        count = 50000 if train else 10000
        self.data = np.zeros((count, 32, 32, 3), np.uint8)
        self.data[:, 1, 2, 0] = 77
        self.targets = [index % 10 for index in range(count)]
        self.classes = [f"class {number}" for number in range(10)]


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    fake = type("CIFAR10", (FakeCIFAR,), {})
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fake)
    return DataConfig(name="cifar10", root=str(tmp_path / "data"))


def calls() -> Sequence[tuple[bool, bool]]:
    found: Sequence[tuple[bool, bool]] = torchvision.datasets.CIFAR10.calls
    return found


def test_cifar_is_fetched_once_and_then_read(cifar: DataConfig) -> None:
    source = load_source(cifar)
    assert calls() == ((True, True), (False, True), (True, False), (False, False))
    assert isinstance(source.train, ArrayImages)
    assert source.train.pixels.shape == (50000, 3, 32, 32)
    assert source.train.pixels[0, 0, 1, 2] == 77
    assert source.train.pixels[0, 1, 1, 2] == 0
    assert source.class_names[3] == "class 3"
    load_source(cifar)
    assert calls()[4:] == ((True, False), (False, False))


def test_a_set_that_must_not_be_fetched_is_an_error_with_the_way(cifar: DataConfig) -> None:
    with pytest.raises(ValueError, match=r"cifar10 is missing.*cifar-10-python.tar.gz into"):
        load_source(replace(cifar, download=False))
    assert calls() == ()


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("File not found")])
def test_a_failed_download_says_what_to_place_where(
    cifar: DataConfig, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fail)
    message = rf"Could not download cifar10 \(.*\). By hand: unpack https.*into {cifar.root}"
    with pytest.raises(ValueError, match=message):
        load_source(cifar)


def test_a_data_folder_that_cannot_be_written(cifar: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        load_source(replace(cifar, root=str(tmp_path / "file")))


def test_a_damaged_copy_says_so(cifar: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise RuntimeError("Dataset not found or corrupted.")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", damaged)
    assert cifar.root is not None
    (Path(cifar.root) / "cifar-10-batches-py").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"cifar-10-batches-py is incomplete or damaged.*Delete"):
        load_source(cifar)


def test_an_incomplete_copy_is_counted(tmp_path: Path) -> None:
    write_tree(tmp_path / "imagenette2-320", images=1)
    config = DataConfig(name="imagenette", root=str(tmp_path))
    message = r"imagenette under .* has 3 training and 3 test images but should have 9469 and 3925"
    with pytest.raises(ValueError, match=message):
        load_source(config)


def test_imagenette_is_a_tree_whose_val_is_our_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path / "imagenette2-320", classes=("n01", "n02"), images=10)
    small = replace(DATASETS["imagenette"], sizes=(20, 20))
    monkeypatch.setattr(catalog, "DATASETS", {**DATASETS, "imagenette": small})
    module = build_data_module(
        DataConfig(name="imagenette", root=str(tmp_path), image_size=16, val_fraction=0.2),
        Augmentation(crop="random_resized"),
        batch_size_per_step=8,
        num_workers=0,
    )
    assert module.class_names == ("n01", "n02")
    assert module.splits.val is not None
    sizes = [len(getattr(module.splits, part).indices) for part in ("train", "val", "test")]
    assert sizes == [16, 4, 20]
    images, _ = next(iter(module.test_dataloader()))
    assert images.shape[1:] == (3, 16, 16)


def test_the_whole_of_imagenet_has_a_fixed_share_held_out_and_classes_of_one_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = DATASETS["imagenet22k"]
    assert (info.num_classes, info.sizes, info.test_fraction) == (21841, (14055151, 141971), 0.01)
    assert info.sizes is not None
    assert sum(info.sizes) == 14197122
    tree = tmp_path / "imagenet22k"
    write_tree(tree, splits=("",), classes=("n01", "n02"), images=100)
    write_tree(tree, splits=("",), classes=("n03",), images=1)
    monkeypatch.setattr(
        catalog, "DATASETS", {**DATASETS, "imagenet22k": replace(info, sizes=(199, 2))}
    )
    config = DataConfig(name="imagenet22k", root=str(tmp_path))
    assert resolve(config).config.test_fraction == 0.01
    source = load_source(config)
    assert source.class_names == ("n01", "n02", "n03")
    assert sorted(source.test.labels.tolist()) == [0, 1]
    assert np.bincount(source.train.labels).tolist() == [99, 99, 1]
    assert source_config("imagenet22k").test_fraction == 0.01
    with pytest.raises(ValueError, match=r"data\.test_fraction=0\.2 has no meaning"):
        resolve(replace(config, test_fraction=0.2))


def test_imagenet_without_archives_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "imagenet").mkdir()
    with pytest.raises(ValueError, match=r"imagenet has no train/ and val/.*three archives"):
        load_source(DataConfig(name="imagenet", root=str(tmp_path)))


def test_a_damaged_package_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz cannot be read"):
        arrays._packed_fashion_mnist(tmp_path, 28)


def test_a_new_data_set_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README says about adding one."""
    info = replace(
        DATASETS["digits"],
        name="mine",
        title="mine",
        sizes=None,
        load="tests.datamodules.sets.test_data_sets:mine",
    )
    monkeypatch.setattr(catalog, "DATASETS", {**DATASETS, "mine": info})
    module = build_data_module(DataConfig(name="mine"), Augmentation(), batch_size_per_step=8)
    assert module.class_names == ("dark", "light")
    assert module.train_size == 35


def mine(info: object, config: DataConfig) -> sources.Source:
    assert isinstance(info, catalog.DatasetInfo)
    assert config.image_size == 28
    images = ArrayImages(np.zeros((40, 1, 28, 28), np.uint8), np.arange(40) % 2)
    return sources.Source(train=images, test=images, class_names=("dark", "light"))


def test_torchvision_grey_sets_get_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    part = SimpleNamespace(
        data=np.zeros((6, 28, 28), np.uint8), targets=[0, 1] * 3, classes=["a", "b"]
    )
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", lambda *_, **__: part)
    source = arrays.torchvision_arrays(DATASETS["fashion_mnist"], replace(FASHION, image_size=28))
    assert isinstance(source.train, ArrayImages)
    assert source.train.pixels.shape == (6, 1, 28, 28)
