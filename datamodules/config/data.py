"""What a study says about its data: two dataclasses that omegaconf reads as structured configs.

Nothing here imports torch; `ablate list` and `ablate plan` read these types.
"""

from __future__ import annotations

import difflib
import os
import re
import typing
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

ROOT_VARIABLE = "ABLATE_DATA"
DEFAULT_ROOT = "data"


# Of timm's RandAugment: magnitude, operations, probability, weights, spread, limit, increasing.
_POLICY = re.compile(r"rand(-((m|n|p|w|mstd|mmax|inc)\d+(\.\d+)?|t(\d+[aw]*|weights|[a-z]+)))*")
_MANY = 1_000_000_000  # no data set has as many images


@dataclass(frozen=True)
class DataConfig:
    """Which images, which of them, and in which size.

    Raises:
        ValueError: a value that no run could use, with the key and the nearest valid value.
    """

    # a name in datamodules.catalog.entries.DATASETS
    name: str = "digits"
    # image_folder only: the folder with train/ and val/ or test/, or with the classes; absolute, or
    # below the root, or below the current folder (where it lies is not part of a run's identity)
    folder: str | None = None
    # what the data set is called in tables and figures; null: the catalogue's name, or the folder's
    # (not part of a run's identity)
    title: str | None = None
    # where data sets lie; null: $ABLATE_DATA, else ./data (not part of a run's identity)
    root: str | None = None
    # fetch a missing data set where torchvision can (not part of a run's identity)
    download: bool = True
    # side of the square input in pixels; null: the data set's own
    image_size: int | None = None
    # share of the training images held out as `val`; 0: no `val`; null: the data set's own
    val_fraction: float | None = None
    # image_folder without val/ and test/: share of its images held out as `test`, the same share of
    # every class and the same images always; null: it has its own
    test_fraction: float | None = None
    # keep this many of the training images left by val, the same share of a class; null: all
    train_limit: int | None = None
    # keep this many test images, the same share of every class; null: all
    test_limit: int | None = None
    # side of the square input in evaluation, in pixels; null: image_size
    eval_size: int | None = None
    # evaluation of image files: resize the short side to eval size / crop_ratio, crop the centre
    crop_ratio: float = 0.875
    # what reads the images: memory (all pixels in RAM), ffcv (a .beton), torch (Pillow in worker
    # processes); auto: memory for small images, else ffcv where it is installed and the file there
    loader: Literal["auto", "memory", "ffcv", "torch"] = "auto"
    # the file that `ablate data write` made, found as the folder is; null: NAME.beton, or
    # FOLDER.beton as long as it fits the folder (where it lies is not part of a run's identity,
    # what is in it is)
    beton: str | None = None
    # an image file that cannot be read: stop before training, or leave it out with a warning
    bad_images: Literal["fail", "skip"] = "fail"
    # how image files are checked before training: headers and ends, or every pixel decoded
    verify: Literal["header", "full"] = "header"

    def __post_init__(self) -> None:
        check_choices(self, "data")
        _check_range("data.image_size", self.image_size, 4, 4096)
        _check_range("data.eval_size", self.eval_size, 4, 4096)
        _check_range("data.train_limit", self.train_limit, 1, _MANY)
        _check_range("data.test_limit", self.test_limit, 1, _MANY)
        _check_range("data.val_fraction", self.val_fraction, 0, 0.9)
        _check_range("data.test_fraction", self.test_fraction, 0.01, 0.9)
        _check_range("data.crop_ratio", self.crop_ratio, 0.1, 1)


@dataclass(frozen=True)
class Augmentation:
    """What happens to a training image; the default is nothing.

    The order is crop, flip, RandAugment or colour jitter, normalisation, erasing: timm's, and that
    of the ConvNeXt recipe (arXiv 2201.03545, Table 5).

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

    def __post_init__(self) -> None:
        check_choices(self, "recipe.augment")
        _check_range("recipe.augment.pad", self.pad, 0, 512)
        _check_range("recipe.augment.first_size", self.first_size, 4, 4096)
        _check_range("recipe.augment.size_step", self.size_step, 1, 4096)
        _check_range("recipe.augment.hflip", self.hflip, 0, 1)
        _check_range("recipe.augment.random_erasing", self.random_erasing, 0, 1)
        _check_range("recipe.augment.color_jitter", self.color_jitter, 0, 1)
        _check_range("recipe.augment.repeats", self.repeats, 1, 100)
        _check_interval("recipe.augment.scale", self.scale, 1)
        _check_interval("recipe.augment.ratio", self.ratio, 100)
        _check_policy("recipe.augment.rand_augment", self.rand_augment)
        _check_growth(self)

    @property
    def colours(self) -> bool:
        """Whether it changes uint8 pixels after the crop: RandAugment or colour jitter."""
        return bool(self.rand_augment) or self.color_jitter > 0


def data_root(config: DataConfig) -> Path:
    """The folder that holds the data sets: `config.root`, else $ABLATE_DATA, else ./data.

    Raises:
        ValueError: it begins with the name of a user who is not known here.
    """
    if config.root:
        return expanded(config.root, key="data.root")
    return expanded(os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT, key=f"${ROOT_VARIABLE}")


def expanded(text: str, *, key: str) -> Path:
    """A path with its `~` written out.

    Raises:
        ValueError: it begins with the name of a user who is not known here; the message names the
            key.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = Path(text).parts[0]
        raise ValueError(
            f"{key} is {text!r}, but there is no user {user[1:]!r} with a home folder here: write "
            f"the whole path, or ./{text} for a folder of that name."
        ) from None


def located(config: DataConfig, text: str, *, key: str) -> tuple[Path, Path]:
    """Where a path of a config can lie: below the root, and below the current folder.

    The one where something is comes first; both are the same for an absolute path.

    Raises:
        ValueError: there is something else at either place; the message names the key.
    """
    path = expanded(text, key=key)
    below_root, here = data_root(config) / path, path.absolute()
    if not here.exists():
        return below_root, here
    if below_root.exists() and not below_root.samefile(here):
        raise ValueError(
            f"{key}={text} is {below_root} below the data folder, and {here} below the current "
            "one: write the one that is meant as an absolute path."
        )
    return (below_root, here) if below_root.exists() else (here, below_root)


def nearest(name: str, names: typing.Iterable[str]) -> str:
    """The tail of an error about an unknown name: the nearest valid one, then all of them."""
    valid = sorted(names)
    if not valid:
        return "There are none."
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Valid: {', '.join(valid)}."


@cache  # thousands of runs have configs of the same few classes
def _hints(kind: Any, names: tuple[str, ...]) -> dict[str, Any]:
    del names  # a class with another field is looked at anew
    return typing.get_type_hints(kind)


def check_choices(config: Any, prefix: str) -> None:
    """Refuse a value outside the `Literal` of its field; omegaconf is not always in between."""
    kind: Any = type(config)
    hints = _hints(kind, tuple(kind.__annotations__))
    for field in fields(config):
        if typing.get_origin(hints[field.name]) is not Literal:
            continue
        valid, value = typing.get_args(hints[field.name]), getattr(config, field.name)
        if value not in valid:
            key = f"{prefix}.{field.name}"
            raise ValueError(f"{key} is {value!r}. {nearest(str(value), valid)}")


def _check_range(key: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{key} is {value}, but it has to be from {low} to {high}.")


def _check_interval(key: str, value: tuple[float, float], high: float) -> None:
    pair = tuple(value)
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= high:
        raise ValueError(
            f"{key} is {list(pair)}, but it has to be [low, high] above 0 and not above {high}."
        )


def _check_growth(augmentation: Augmentation) -> None:
    first, last = augmentation.growth
    _check_range("recipe.augment.growth", first, 0, _MANY)
    _check_range("recipe.augment.growth", last, 0, _MANY)
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
