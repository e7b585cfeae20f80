"""Augmentations from outside the project."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.augment.custom import AUGMENTATIONS, check_augmentations, register_augmentation
from datamodules.augment.finish import finish, normalised
from datamodules.catalog.catalog import DATASETS
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.module import ImageDataModule
from datamodules.sampling.random_streams import Draw, batch_draws

RGB = DATASETS["cifar10"]


@pytest.fixture(autouse=True)
def shifted() -> Iterator[None]:
    before = set(AUGMENTATIONS)

    @register_augmentation("shifted")
    def _(images: Tensor, draw: Draw) -> Tensor:
        """A level for each image, in place."""
        level = torch.from_numpy((draw(0) * 100).astype(np.uint8)).to(images.device)
        return images.add_(level[:, None, None, None])

    yield
    for name in set(AUGMENTATIONS) - before:
        AUGMENTATIONS.forget(name)


def pixels(count: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 100, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def draws(rows: list[int]) -> Draw:
    return batch_draws(seed=3, epoch=1, indices=np.array(rows))


def finished(rows: list[int], custom: list[str], images: Tensor | None = None) -> Tensor:
    chosen = (pixels() if images is None else images)[torch.tensor(rows)]
    return finish(chosen, Augmentation(custom=custom), RGB, draw=draws(rows))


@pytest.mark.parametrize("custom", [["shifted"], ["shifted=0.5"]])
def test_an_image_depends_on_no_other(custom: list[str]) -> None:
    images = pixels()
    whole = finished(list(range(16)), custom, images)
    assert torch.equal(images, pixels())
    assert torch.equal(
        torch.cat([finished([9, 2], custom), finished([0], custom)]), whole[[9, 2, 0]]
    )
    planar = finish(pixels(), None, RGB, draw=draws([]))
    changed = (whole != planar).flatten(1).any(1)
    assert changed.float().mean() == (1 if custom == ["shifted"] else pytest.approx(0.5, abs=0.3))


def test_it_comes_before_normalisation_in_any_memory_format() -> None:
    register_augmentation("brighter")(lambda images, draw: images + 50)
    expected, rows = normalised(pixels() + 50, RGB), list(range(16))
    assert torch.equal(finished(rows, ["brighter"]), expected)
    last = pixels().contiguous(memory_format=torch.channels_last)
    found = finish(last, Augmentation(custom=["brighter"]), RGB, draw=draws(rows))
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_every_name_has_streams_of_its_own() -> None:
    seen = []

    def look(images: Tensor, draw: Draw) -> Tensor:
        seen.extend([draw(0), draw(1)])
        return images

    for name in ("first", "second"):
        register_augmentation(name)(look)
    finished(list(range(16)), ["first", "second"])
    assert len({array.tobytes() for array in seen}) == 4
    register_augmentation("third")(lambda images, draw: draw(-1))  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="'third' draws -1"):
        finished([0], ["third"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda images: images.float(), r"\(16, 3, 8, 8\) torch.float32"),
        (lambda images: images[:, :, 1:], r"\(16, 3, 7, 8\)"),
        (lambda images: images.numpy(), "a ndarray"),
    ],
)
def test_another_shape_or_type_is_refused_by_name(change: object, said: str) -> None:
    assert callable(change)
    register_augmentation("odd")(lambda images, draw: change(images))
    place = rf"{re.escape(__file__)}:\d+"
    with pytest.raises(ValueError, match=rf"augmentation 'odd' \({place}\) returned {said}"):
        finished(list(range(16)), ["odd"])


def test_unknown_taken_and_impossible_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^recipe.augment.custom: .*'shiftd'. Did you mean shif"):
        check_augmentations(Augmentation(custom=["shiftd=0.5"]))
    with pytest.raises(ValueError, match=r"'shifted' exists already, from .*test_custom.py:"):
        register_augmentation("shifted")(lambda images, draw: images)
    with pytest.raises(ValueError, match=r"test_custom.py:\d+: .*cannot be called 'A=1'"):
        register_augmentation("A=1")(lambda images, draw: images)
    with pytest.raises(ValueError, match="has shifted twice"):
        Augmentation(custom=["shifted", "shifted=0.5"])


@pytest.mark.parametrize("loader", ["auto", "torch"])
def test_every_reader_of_arrays_gives_the_same_images(loader: str) -> None:
    def batch(loader: str, custom: list[str]) -> Tensor:
        data = ImageDataModule(
            DataConfig(loader=loader),  # type: ignore[arg-type]
            Augmentation(crop="pad", hflip=0.5, custom=custom),
            batch_size=16,
            num_workers=1,
        )
        data.setup()
        return next(iter(data.train_dataloader()))[0]

    expected = batch("auto", ["shifted=0.5"])
    assert torch.equal(batch(loader, ["shifted=0.5"]), expected)
    assert not torch.equal(batch(loader, []), expected)
