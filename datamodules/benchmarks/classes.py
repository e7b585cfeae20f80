"""Which classes public sets have, and how they relate to ImageNet's 1,000.

ImageNet's synsets and the classes of ImageNet-A and -R are read from the files that timm brings;
those of ImageNet-O and ImageNet-9 lie in `classes.yaml`, with their sources.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

_OWN = Path(__file__).with_name("classes.yaml")


@cache
def imagenet_synsets() -> tuple[str, ...]:
    """The 1,000 synsets such as `n01440764`, in the order of ImageNet's classes."""
    return tuple(_timm("imagenet_synsets.txt"))


@cache
def imagenet_subset(name: str) -> tuple[int, ...]:
    """The classes of `imagenet_a`, `imagenet_r` or `imagenet_o`, (200) numbers, ascending."""
    if name == "imagenet_o":
        return tuple(_own()[name]["classes"])
    return tuple(map(int, _timm(f"{name}_indices.txt")))


@cache
def imagenet_9_folders() -> tuple[str, ...]:
    """The class folders of ImageNet-9, by class; two have a space in their name."""
    return tuple(_own()["imagenet_9"])


@cache
def imagenet_9_groups() -> tuple[int, ...]:
    """The class of ImageNet-9 that each of ImageNet's (1000) is one of; -1: none (630 of them)."""
    groups = [-1] * len(imagenet_synsets())
    for group, runs in enumerate(_own()["imagenet_9"].values()):
        for first, last in runs:
            groups[first : last + 1] = [group] * (last - first + 1)
    return tuple(groups)


@cache
def _own() -> Any:
    return yaml.safe_load(_OWN.read_text())


def _timm(file: str) -> list[str]:
    """The words of a file beside timm's data sets, without importing timm (and with it torch)."""
    found = find_spec("timm")
    assert found is not None  # it is a dependency
    assert found.origin is not None
    return Path(found.origin).with_name("data").joinpath("_info", file).read_text().split()
