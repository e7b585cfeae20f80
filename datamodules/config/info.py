"""The type of an entry of the catalogue (no torch)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What is known about a data set before any of it is read."""

    name: str
    title: str
    # None: counted from the folders
    num_classes: int | None
    in_chans: int
    # side of the square input in pixels, unless the study sets data.image_size
    image_size: int
    # per channel, for pixels in 0..1: of the training images at that size (trees: ImageNet's)
    mean: tuple[float, ...]
    std: tuple[float, ...]
    # default share of the training images held out as `val`
    val_fraction: float
    # images in train (with val) and test; None: any. A copy with other numbers is refused.
    sizes: tuple[int, int] | None
    source: str
    licence: str
    # all of its pixels are read into memory
    in_memory: bool = False
    # side of the images as their owners store them; None: image_size, or images of any size
    stored_size: int | None = None
    # "module:function" called with (info, config), gives a datamodules.sets.sources.Source
    # or the function itself
    load: str | Callable[..., Any]
    # the data set is there if one of these is, below the root or absolute; none: it is built in
    paths: tuple[str, ...] = ()
    # "module:function" called with (info, root) that downloads it; None: a person has to
    fetch: str | None = None
    # what a person does to get it, with {root} and {folder}
    how_to_get: str = ""
    # share of the images held out as `test` where the owners have no split; None: they have one
    test_fraction: float | None = None
    # a person's own: data.folder says where it is, and it can be split by data.test_fraction
    own: bool = False
    # the class in torchvision.datasets, for the functions that read through it
    torchvision: str | None = None
