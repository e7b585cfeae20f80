"""Which images a study is about: a dataclass that omegaconf reads as a structured config.

Nothing here imports torch; `ablate list` and `ablate plan` read these types.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from datamodules.config.choices import check_choices
from lit_models.registry.ranges import Range, check_ranges

ROOT_VARIABLE = "ABLATE_DATA"
DEFAULT_ROOT = "data"
T = TypeVar("T")
_MANY = 1_000_000_000  # no data set has as many images

# Of `DataConfig`, by field.
DATA: Mapping[str, Range] = {
    "image_size": Range(4, 4096),
    "eval_size": Range(4, 4096),
    "train_limit": Range(1, _MANY),
    "test_limit": Range(1, _MANY),
    "val_fraction": Range(0, 0.9),
    "test_fraction": Range(0.01, 0.9),
    "crop_ratio": Range(0.1, 1),
}


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
        check_ranges(self, DATA, prefix="data")


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


def config_or_folder(config: T | None, **given: Any) -> T | DataConfig:
    """The config itself, or without one that of a folder with class folders.

    Args:
        config: which data, or None.
        given: keys of `DataConfig` about the folder; None: not given.

    Raises:
        ValueError: there are both, or neither, or a path in place of the config.
    """
    said = {name: value for name, value in given.items() if value is not None}
    if config is None and "folder" in said:
        return DataConfig(name="image_folder", **{**said, "folder": os.fspath(said["folder"])})
    if config is None:
        raise ValueError(
            "there are no images: give a folder, as in ImageDataModule(folder='my_images'), or a "
            "DataConfig, such as DataConfig(name='digits')"
        )
    if isinstance(config, str | os.PathLike):
        raise ValueError(
            f"{os.fspath(config)!r} is no DataConfig: a folder of your own is "
            f"ImageDataModule(folder={os.fspath(config)!r}), a data set DataConfig(name=...)"
        )
    if said:
        name, value = next(iter(said.items()))
        raise ValueError(
            f"a config and {name}={value!r} beside it: set it in the config, DataConfig({name}=...)"
        )
    return config
