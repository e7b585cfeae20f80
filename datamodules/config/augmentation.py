"""What a recipe does to training images, as a dataclass that omegaconf reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from datamodules.config.choices import check_choices
from lit_models.registry.ranges import Range, check_ranges

# Of timm's RandAugment: magnitude, operations, probability, weights, spread, limit, increasing.
_POLICY = re.compile(r"rand(-((m|n|p|w|mstd|mmax|inc)\d+(\.\d+)?|t(\d+[aw]*|weights|[a-z]+)))*")
_MANY = 1_000_000_000  # no training has as many epochs

# Of `Augmentation`, by field.
AUGMENTATION: Mapping[str, Range] = {
    "pad": Range(0, 512),
    "first_size": Range(4, 4096),
    "size_step": Range(1, 4096),
    "hflip": Range(0, 1),
    "random_erasing": Range(0, 1),
    "color_jitter": Range(0, 1),
    "repeats": Range(1, 100),
    "growth": Range(0, _MANY),
}


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training image; the default is nothing.

    The order is crop, flip, RandAugment or colour jitter, normalisation, erasing: timm's, and that
    of the ConvNeXt recipe (arXiv 2201.03545, Table 5). Those of `custom` come before normalisation.

    Raises:
        ValueError: a value that no run could use, with the key and the nearest valid value.
    """

    # none: the evaluation crop; pad: zeros around it, then a random crop; random_resized: Inception
    crop: Literal["none", "pad", "random_resized"] = "none"
    # crop=pad: zeros on each side, in pixels
    pad: int = 4
    # crop=random_resized: share of the image's area, from and to
    scale: tuple[float, float] = (0.08, 1.0)
    # crop=random_resized: width over height, from and to
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    # resampling of image files, in training and evaluation
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"
    # progressive resizing: side of training images at first, in pixels; null: image_size throughout
    first_size: int | None = None
    # progressive resizing: epochs between which the side grows to image_size
    growth: tuple[int, int] = (0, 0)
    # progressive resizing: sides in between are multiples of this
    size_step: int = 32
    # probability of a left-right flip
    hflip: float = 0.0
    # timm's policy string, such as rand-m9-mstd0.5-inc1; null: none
    rand_augment: str | None = None
    # strength of brightness, contrast and saturation jitter; as in timm, none with rand_augment
    color_jitter: float = 0.0
    # probability that one rectangle (2 to 33 % of the area) is erased
    random_erasing: float = 0.0
    # erase with normal noise for each pixel, or with zeros (the mean colour)
    erasing_mode: Literal["pixel", "const"] = "pixel"
    # repeated augmentation: times an image comes in an epoch, each with draws of its own; as in
    # DeiT an epoch is as long as without, so that it sees one image in so many
    repeats: int = 1
    # augmentations from files of one's own, in order: NAME, or NAME=PROBABILITY for each image
    custom: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_choices(self, "recipe.augment")
        check_ranges(self, AUGMENTATION, prefix="recipe.augment")
        _check_interval("recipe.augment.scale", self.scale, 1)
        _check_interval("recipe.augment.ratio", self.ratio, 100)
        _check_policy("recipe.augment.rand_augment", self.rand_augment)
        _check_growth(self)
        _check_custom(self.custom)

    @property
    def colours(self) -> bool:
        """Whether it changes uint8 pixels after the crop: RandAugment, colour jitter, own ones."""
        return bool(self.rand_augment) or self.color_jitter > 0 or bool(self.custom)

    @property
    def own(self) -> list[tuple[str, float]]:
        """The names in `custom`, each with its probability."""
        return [_read_custom(text) for text in self.custom]


def _check_interval(key: str, value: tuple[float, float], high: float) -> None:
    pair = tuple(value)
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= high:
        raise ValueError(
            f"{key} is {list(pair)}, but it has to be [low, high] above 0 and not above {high}."
        )


def _check_growth(augmentation: Augmentation) -> None:
    first, last = augmentation.growth
    if augmentation.first_size is None and (first, last) != (0, 0):
        raise ValueError(
            f"recipe.augment.growth is {[first, last]} without recipe.augment.first_size, from "
            "which the images would grow: set both."
        )
    if augmentation.first_size is not None and not 0 <= first < last:
        raise ValueError(
            f"recipe.augment.growth is {[first, last]}, but with first_size it has to be "
            "[first epoch, last epoch] of the growth."
        )


def _check_policy(key: str, value: str | None) -> None:
    # timm answers an unknown policy with an assertion deep in a worker, and passes over parts that
    # it cannot read; say it here
    if value is None or _POLICY.fullmatch(value):
        return
    raise ValueError(f"{key} is {value!r}, but it has to be timm's, such as rand-m9-mstd0.5-inc1.")


def _check_custom(texts: list[str]) -> None:
    names = [_read_custom(text)[0] for text in texts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:  # its draws would be the same both times
        raise ValueError(f"recipe.augment.custom has {twice[0]} twice: name it once.")


def _read_custom(text: str) -> tuple[str, float]:
    """Name and probability; whether there is such a name is seen where it is used."""
    name, equals, number = text.partition("=")
    try:
        probability = float(number) if equals else 1.0
    except ValueError:
        probability = 0.0
    if not name or not 0 < probability <= 1:
        raise ValueError(
            f"recipe.augment.custom has {text!r}, but it has to be NAME or NAME=PROBABILITY, with "
            "a number above 0 and at most 1."
        )
    return name, probability
