"""Which of the readers a config gets, and from which file (no torch).

Images of up to 64 pixels that fit are held in memory: gathering a batch there costs less than any
file format. Otherwise a `.beton` is read by FFCV where both are there, and image files by Pillow.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

from datamodules.beton.manifest import Manifest
from datamodules.config.data import DataConfig, expanded, located
from datamodules.config.info import DatasetInfo

Loader = Literal["memory", "ffcv", "torch"]

# The extension module that is built where it can be; see datamodules.decoding.native.
COMPILED_DECODER = "datamodules.decoding._decode"
# Of its source decode.c, and in the built file; raised there and here with every change of it.
DECODER_VERSION = 1
# What fits in memory: sides in pixels, bytes of all images.
_SMALL_SIDE = 64
_SMALL_BYTES = 2 * 2**30


def beton_path(config: DataConfig) -> Path:
    """The file that this config would read: `data.beton`, else NAME.beton or FOLDER.beton.

    Raises:
        ValueError: see `datamodules.config.data.located`.
    """
    if config.beton:
        return located(config, config.beton, key="data.beton")[0]
    source = expanded(config.folder or config.name, key="data.folder")
    return located(config, f"{source}.beton", key="the file")[0]


def sides(config: DataConfig, info: DatasetInfo) -> tuple[int, int]:
    """Sides of the square images in training and in evaluation, in pixels."""
    training = config.image_size or info.image_size
    return training, config.eval_size or training


def choose_loader(config: DataConfig, info: DatasetInfo, found: Manifest | None) -> Loader:
    """The loader that the config names or that `auto` stands for; `found` is the beton's manifest.

    Raises:
        ValueError: `memory` for images that are not small.
    """
    small = info.in_memory or (found is not None and fits(found, config, info))
    if config.loader == "memory" and not small:
        raise ValueError(
            f"data.loader=memory is for built-in sets, and for a raw .beton of images of up to "
            f"{_SMALL_SIDE} pixels that are never resized (data.image_size is their side and "
            f"data.crop_ratio 1), which {config.name} is not: set data.loader to ffcv or torch."
        )
    if config.loader != "auto":
        return config.loader
    if small:
        return "memory"
    return "ffcv" if found is not None and ffcv_installed() else "torch"


def reads_beton(loader: Loader, info: DatasetInfo) -> bool:
    """Whether a loader reads a `.beton` and not the data set's own files."""
    return loader == "ffcv" or (loader == "memory" and not info.in_memory)


def missing_beton(config: DataConfig) -> str | None:
    """What to do about a beton that is not there; None if it is."""
    path = beton_path(config)
    if path.exists():
        return None
    source = config.folder or config.name
    return (
        f"The file {path} is missing: write it with `ablate data write {source} --out {path}`, or "
        "set data.loader=torch."
    )


def fits(found: Manifest, config: DataConfig, info: DatasetInfo) -> bool:
    """Whether its images are raw and small, fit in memory together, and are used as they are."""
    side = found.max_side
    raw = found.options.encode == "raw" and found.min_side == side <= _SMALL_SIDE
    whole = sides(config, info) == (side, side) and config.crop_ratio == 1
    return raw and whole and found.samples * 3 * side * side <= _SMALL_BYTES


def ffcv_installed() -> bool:
    """Whether FFCV can be imported, without importing it."""
    return importlib.util.find_spec("ffcv") is not None


def compiled_decoder() -> tuple[Path | None, str | None]:
    """The compiled decoder's file, or why there is none to use: one of another version is none."""
    spec = importlib.util.find_spec(COMPILED_DECODER)
    if spec is None or spec.origin is None:
        return None, "was not built"
    built = Path(spec.origin)
    if f"ablate decoder version {DECODER_VERSION}\0".encode() not in built.read_bytes():
        return None, "was built from another decode.c (`make setup` builds it again)"
    return built, None


def describe(config: DataConfig, loader: Loader) -> str:
    """One sentence on what reads the images of a config, and why not something faster."""
    if loader == "memory":
        return "Images are held in memory: they are small."
    if loader == "ffcv":
        _, why = compiled_decoder()
        how = f"its own operations (the compiled decoder {why})" if why else "the compiled decoder"
        return f"Images are read by FFCV with {how} from {beton_path(config)}."
    if not ffcv_installed():
        return "Images are read by torch and Pillow: FFCV is not installed."
    if missing_beton(config) is None:
        return "Images are read by torch and Pillow, as data.loader says."
    return f"Images are read by torch and Pillow: there is no {beton_path(config)}."


def manifest(config: DataConfig, info: DatasetInfo) -> Manifest | None:
    """What the beton that this config would read says about itself; None if it is not there.

    Raises:
        ValueError: it is no whole beton of this data set, split as the config says.
    """
    path = beton_path(config)
    if not path.exists():
        return None
    from datamodules.beton.file import (
        read_manifest,  # NumPy, which commands without data do not load
    )

    found = read_manifest(path)
    if found.name != info.name:
        raise ValueError(
            f"{path} holds the data set {found.name} and not {info.name}: name another file "
            "with data.beton, or set data.loader=torch."
        )
    if len(found.class_names) == 1:
        raise ValueError(
            f"{path} holds one class only, {found.class_names[0]}: with one class there is nothing "
            "to tell apart. Write it again from a folder that holds a folder for each class."
        )
    if config.test_fraction not in (None, found.test_fraction):
        raise ValueError(
            f"{path} was written with a test_fraction of {found.test_fraction}, and "
            f"data.test_fraction is {config.test_fraction}: write it again, or set "
            "data.loader=torch."
        )
    return found
