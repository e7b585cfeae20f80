"""The test images of a data set, as networks are asked about them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from ablations.robustness.images import data_set
from ablations.robustness.images.data_set import SplitImages, split_images
from ablations.robustness.results.image_lists import ImageList, images_of, keep_images
from datamodules import ImageDataModule
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig

DIGITS = DataConfig(name="digits", image_size=16)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    root = tmp_path_factory.mktemp("data")
    return DataConfig(name="photographs", root=str(root), image_size=32, eval_size=40)


def images(config: DataConfig) -> SplitImages:
    return split_images(config, interpolation="bilinear", seed=0)


def pixels(found: SplitImages, size: int) -> torch.Tensor:
    return torch.cat([batch.pixels for batch in found.batches(size)])


@pytest.mark.parametrize("name", ["digits", "photographs"])
def test_pixels_are_those_of_the_test_before_normalisation(
    name: str, photographs: DataConfig
) -> None:
    config = {"digits": DIGITS, "photographs": photographs}[name]
    found = images(config)
    module = ImageDataModule(config, Augmentation(interpolation="bilinear"), num_workers=0)
    tested = torch.cat([batch for batch, _ in module.test_dataloader()])
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (module.info.mean, module.info.std))
    torch.testing.assert_close(pixels(found, 50) / 255, tested * std + mean, atol=1e-6, rtol=0)
    assert (found.side, found.in_chans) == (tested.shape[-1], tested.shape[1])


def test_more_than_memory_keeps_are_read_each_time(
    photographs: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = pixels(images(photographs), 30)
    monkeypatch.setattr(data_set, "_KEPT", 1000)
    found = images(photographs)
    assert torch.equal(pixels(found, 30), kept)
    assert "_kept" not in vars(found)
    assert [len(batch.labels) for batch in found.batches(50)] == [43, 43, 42]


def test_fewer_are_a_subset_of_more_and_those_of_test_limit() -> None:
    found = images(DIGITS)
    fifty, hundred = found.limited(50), found.limited(100)
    assert set(fifty.indices) <= set(hundred.indices)
    assert max(Counter(hundred.labels.tolist()).values()) <= 11
    assert min(Counter(hundred.labels.tolist()).values()) >= 9
    limited = images(DataConfig(name="digits", image_size=16, test_limit=100))
    np.testing.assert_array_equal(limited.indices, hundred.indices)
    np.testing.assert_array_equal(limited.limited(50).indices, fifty.indices)
    assert found.limited(10**6) is found


def test_the_identity_is_that_of_pixels_not_of_the_list(photographs: DataConfig) -> None:
    found = images(photographs)
    assert found.limited(10).identity() == found.identity()
    assert found.at(32).identity() != found.identity()
    assert found.at(40, crop_ratio=1.0).identity() != found.identity()
    other = split_images(photographs, interpolation="bicubic", seed=0)
    assert other.identity() != found.identity()
    trained = DataConfig(name="digits", image_size=16, train_limit=100, val_fraction=0.2)
    assert images(trained).identity() == images(DIGITS).identity()


def test_another_crop_of_the_same_images(photographs: DataConfig) -> None:
    found = images(photographs).limited(6)
    larger = found.at(64, crop_ratio=1.0)
    assert pixels(larger, 6).shape == (6, 3, 64, 64)
    np.testing.assert_array_equal(larger.indices, found.indices)


def test_names_of_files_are_kept_with_the_list(photographs: DataConfig, tmp_path: Path) -> None:
    found = images(photographs)
    names = found.names()
    assert names is not None
    assert names[0] == "test/china/000"
    assert images(DIGITS).names() is None
    few = found.limited(4)
    listed = ImageList(few.indices, few.labels)
    digest = keep_images(tmp_path, listed, names=lambda: [names[n] for n in few.indices])
    with np.load(tmp_path / "robustness" / "images" / f"{digest}.npz") as kept:
        assert list(kept["names"]) == [names[n] for n in few.indices]
    np.testing.assert_array_equal(images_of(tmp_path, digest).indices, few.indices)
