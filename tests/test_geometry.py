"""Crop boxes, flips and sides: torchvision's in distribution, a function of the sample alone."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from torchvision import transforms
from torchvision.transforms import functional

from datamodules.augment.cropping import Cropping, growing_side
from datamodules.augment.geometry import CROP, Crops, eval_crops, train_crops
from datamodules.config import Augmentation
from datamodules.draws import batch_draws
from datamodules.samplers import Batch
from tests.image_trees import photograph

RESIZED = Augmentation(crop="random_resized", hflip=0.5)
COUNT = 4000


def crops_of(
    width: int, height: int, augmentation: Augmentation = RESIZED, *, epoch: int = 0
) -> Crops:
    indices = np.arange(COUNT)
    return train_crops(
        augmentation,
        np.full(COUNT, height),
        np.full(COUNT, width),
        side=32,
        crop_ratio=0.875,
        draw=batch_draws(seed=0, epoch=epoch, indices=indices),
    )


@cache
def torchvisions(width: int, height: int, augmentation: Augmentation) -> NDArray[np.float64]:
    """Left, top, width and height of torchvision's boxes, (COUNT, 4)."""
    image = torch.empty(3, height, width)
    torch.manual_seed(0)
    scale, ratio = list(augmentation.scale), list(augmentation.ratio)
    boxes = [transforms.RandomResizedCrop.get_params(image, scale, ratio) for _ in range(COUNT)]
    top, left, high, wide = np.array(boxes, float).T
    return np.stack([left, top, wide, high], 1)


MEASURES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "left": lambda boxes: boxes[:, 0],
    "top": lambda boxes: boxes[:, 1],
    "area": lambda boxes: boxes[:, 2] * boxes[:, 3],
    "aspect": lambda boxes: boxes[:, 2] / boxes[:, 3],
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("size", [(500, 375), (60, 200), (31, 31)])
@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.35, 1.0)])
def test_random_crops_are_distributed_as_torchvisions(
    measure: str, size: tuple[int, int], scale: tuple[float, float]
) -> None:
    augmentation = Augmentation(crop="random_resized", scale=scale)
    crops = crops_of(*size, augmentation)
    sides = crops["right"] - crops["left"], crops["bottom"] - crops["top"]
    ours = np.stack([crops["left"], crops["top"], *sides], 1).astype(float)
    of = MEASURES[measure]
    assert ks_2samp(of(ours), of(torchvisions(*size, augmentation))).pvalue > 1e-3


@pytest.mark.parametrize("size", [(500, 375), (1, 1), (1, 400), (400, 1), (7, 5)])
def test_random_crops_are_whole_pixels_inside_the_image(size: tuple[int, int]) -> None:
    crops = crops_of(*size)
    for low, high, limit in (("left", "right", size[0]), ("top", "bottom", size[1])):
        assert (crops[low] >= 0).all()
        assert (crops[high] <= limit).all()
        assert (crops[high] - crops[low] >= 1).all()
        assert (crops[low] == np.round(crops[low])).all()
        assert (crops[high] == np.round(crops[high])).all()
    assert (crops["clip"] == 1).all()


@pytest.mark.parametrize(("size", "box"), [((400, 10), (13, 10)), ((10, 400), (10, 13))])
def test_without_a_box_that_fits_the_centre_is_taken_as_torchvision_does(
    size: tuple[int, int], box: tuple[int, int]
) -> None:
    augmentation = Augmentation(crop="random_resized", scale=(1.0, 1.0))
    crops = crops_of(*size, augmentation)
    expected = torchvisions(*size, augmentation)[0]
    assert tuple(expected[2:]) == box
    for crop in crops[:: COUNT // 10]:
        found = (crop["left"], crop["top"])
        sides = (crop["right"] - crop["left"], crop["bottom"] - crop["top"])
        assert (*found, *sides) == tuple(expected)


def test_half_of_the_images_flip_and_never_after_a_padded_crop() -> None:
    assert abs(crops_of(50, 40)["flip"].mean() - 0.5) < 0.03
    for augmentation in (Augmentation(crop="pad", hflip=0.5), Augmentation(crop="random_resized")):
        assert not crops_of(50, 40, augmentation)["flip"].any()


def test_a_crop_depends_on_its_own_sample_and_the_epoch() -> None:
    whole = crops_of(500, 375)
    some = np.array([17, 3, 999])
    draw = batch_draws(seed=0, epoch=0, indices=some)
    heights, widths = np.full(3, 375), np.full(3, 500)
    part = train_crops(RESIZED, heights, widths, side=32, crop_ratio=0.875, draw=draw)
    assert part.tobytes() == whole[some].tobytes()
    assert crops_of(500, 375, epoch=1).tobytes() != whole.tobytes()


@pytest.mark.parametrize("size", [(48, 40), (40, 48), (33, 47), (500, 375), (30, 30), (20, 61)])
@pytest.mark.parametrize("crop_ratio", [0.875, 1.0, 0.95])
def test_the_evaluation_crop_sees_what_resize_and_centre_crop_leave(
    size: tuple[int, int], crop_ratio: float
) -> None:
    side, image = 32, photograph(3, size)
    (crop,) = eval_crops(np.array([size[1]]), np.array([size[0]]), side=side, crop_ratio=crop_ratio)
    assert crop["clip"] == 0
    box: Any = tuple(float(crop[name]) for name in ("left", "top", "right", "bottom"))
    mode = functional.InterpolationMode.BICUBIC
    found = image.resize((side, side), mode_of_pillow(), box=box)
    resized = functional.resize(image, [int(side / crop_ratio)], mode)
    expected = functional.center_crop(resized, [side, side])
    difference = np.abs(np.asarray(found, int) - np.asarray(expected, int))
    assert difference.max() <= 2  # Pillow rounds to bytes between two passes, in either order
    assert difference.mean() < 0.15


def mode_of_pillow() -> int:
    from PIL import Image

    return Image.Resampling.BICUBIC


def test_the_side_grows_as_in_ffcvs_recipe() -> None:
    augmentation = Augmentation(first_size=160, growth=(65, 76), size_step=32)
    sides = [growing_side(augmentation, 192, epoch=epoch) for epoch in range(88)]
    assert sides[:66] == [160] * 66
    assert sides[76:] == [192] * 12
    assert sides == sorted(sides)
    # numpy.interp and rounding to 32, as there
    between = np.interp(np.arange(88), [65, 76], [160, 192])
    assert sides == [int(np.round(side / 32)) * 32 for side in between]


def test_only_training_grows() -> None:
    augmentation = Augmentation(crop="random_resized", first_size=16, growth=(1, 2))
    train, evaluation = (Cropping(augmentation, train, 64, 0.875, 0) for train in (True, False))
    assert [train.side(epoch) for epoch in range(3)] == [16, 16, 64]
    assert [evaluation.side(epoch) for epoch in range(3)] == [64, 64, 64]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"growth": (1, 2)}, "without recipe.augment.first_size"),
        ({"first_size": 16}, "has to be"),
        ({"first_size": 16, "growth": (5, 5)}, "first epoch, last epoch"),
    ],
)
def test_half_a_growth_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**values)  # type: ignore[arg-type]


def test_evaluation_crops_ignore_the_epoch() -> None:
    cropping = Cropping(RESIZED, train=False, size=32, crop_ratio=0.875, seed=0)
    sizes = np.array([40, 50]), np.array([60, 44])
    first, second = (cropping.crops(*sizes, Batch(epoch, np.arange(2))) for epoch in (0, 7))
    assert first.dtype == CROP
    assert first.tobytes() == second.tobytes()
