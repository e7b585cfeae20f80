"""Transforms of one PIL image, put together from torchvision's and timm's as timm does.

With the options of the ConvNeXt recipe they equal `timm.data.create_transform` (tested); written
out here because timm's factory has no pad-and-crop and no greyscale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from datamodules.config import Augmentation
from datamodules.info import DatasetInfo

if TYPE_CHECKING:
    from torch import Tensor

Transform = Callable[[Image.Image], "Tensor"]


def train_transform(
    augmentation: Augmentation, info: DatasetInfo, *, size: int, crop_ratio: float
) -> Transform:
    """RGB image -> (C, size, size) float32, augmented with the global generators' draws."""
    from timm.data.random_erasing import RandomErasing

    steps = [
        *_train_crop(augmentation, size, crop_ratio),
        *_flip(augmentation),
        *_colours(augmentation, info, size),
        *_to_tensor(info),
    ]
    if augmentation.random_erasing:
        probability, mode = augmentation.random_erasing, augmentation.erasing_mode
        steps.append(RandomErasing(probability, mode=mode, device="cpu"))
    return _compose(steps)


def eval_transform(
    augmentation: Augmentation, info: DatasetInfo, *, size: int, crop_ratio: float
) -> Transform:
    """RGB image -> (C, size, size) float32: short side to size / crop_ratio, centre, normalise."""
    crop = _centre_crop(size, crop_ratio, augmentation.interpolation)
    return _compose([*crop, *_to_tensor(info)])


def posterize(image: Image.Image, bits: int, **_: Any) -> Image.Image:
    """Keep the upper `bits` of each channel; none gives black, as in older PIL.

    RandAugment with increasing magnitudes asks for 0 bits, which newer PIL refuses.
    """
    if bits == 0:
        return Image.new(image.mode, image.size)
    return image if bits >= 8 else ImageOps.posterize(image, bits)


def _compose(steps: list[Any]) -> Transform:
    from torchvision import transforms

    composed: Transform = transforms.Compose(steps)
    return composed


def _train_crop(augmentation: Augmentation, size: int, crop_ratio: float) -> list[Any]:
    from timm.data.transforms import RandomResizedCropAndInterpolation
    from torchvision import transforms

    if augmentation.crop == "random_resized":
        scale, ratio = tuple(augmentation.scale), tuple(augmentation.ratio)
        interpolation = augmentation.interpolation
        return [RandomResizedCropAndInterpolation(size, scale, ratio, interpolation)]
    steps = _centre_crop(size, crop_ratio, augmentation.interpolation)
    if augmentation.crop == "pad":
        steps.append(transforms.RandomCrop(size, padding=augmentation.pad))
    return steps


def _centre_crop(size: int, crop_ratio: float, interpolation: str) -> list[Any]:
    from timm.data.transforms import str_to_interp_mode
    from torchvision import transforms

    short_side = math.floor(size / crop_ratio)
    resize = transforms.Resize(short_side, interpolation=str_to_interp_mode(interpolation))
    return [resize, transforms.CenterCrop(size)]


def _flip(augmentation: Augmentation) -> list[Any]:
    from torchvision import transforms

    return [transforms.RandomHorizontalFlip(augmentation.hflip)] if augmentation.hflip else []


def _colours(augmentation: Augmentation, info: DatasetInfo, size: int) -> list[Any]:
    from timm.data import auto_augment
    from timm.data.transforms import str_to_pil_interp
    from torchvision import transforms

    if augmentation.rand_augment:
        mean = info.mean if info.in_chans == 3 else info.mean * 3
        options = {
            "translate_const": int(size * 0.45),
            "img_mean": tuple(min(255, round(255 * value)) for value in mean),
            "interpolation": str_to_pil_interp(augmentation.interpolation),
        }
        policy = auto_augment.rand_augment_transform(augmentation.rand_augment, options)
        for operation in policy.ops:
            if operation.aug_fn is auto_augment.posterize:
                operation.aug_fn = posterize
        return [policy]
    if augmentation.color_jitter:
        return [transforms.ColorJitter(*(augmentation.color_jitter,) * 3)]
    return []


def _to_tensor(info: DatasetInfo) -> list[Any]:
    from torchvision import transforms

    # Transforms work on RGB throughout; a grey set has three equal channels up to here.
    grey = [partial(Image.Image.convert, mode="L")] if info.in_chans == 1 else []
    return [*grey, transforms.ToTensor(), transforms.Normalize(info.mean, info.std)]
