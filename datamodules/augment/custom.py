"""Augmentations from outside this project, applied to the uint8 pixels before normalisation.

    @register_augmentation("salt")
    def salt(images, draw):  # (N, C, H, W) uint8; draw(0) is (N,) uniform in [0, 1)
        ...
        return images

A recipe names them in `augment.custom`. They come after crop, flip, RandAugment and jitter, in the
order of the recipe, on the device that trains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lit_models.registry.registry import Registry, caller, check_registered, check_word

if TYPE_CHECKING:
    from torch import Tensor

    from datamodules.config.augmentation import Augmentation
    from datamodules.sampling.random_streams import Draw

    Augment = Callable[[Tensor, Draw], Tensor]

AUGMENTATIONS: Registry[Augment] = Registry("augmentation")

_KEY = "recipe.augment.custom"
_STREAMS = 2**16  # of one name: the first is for its probability


def register_augmentation(name: str) -> Callable[[Augment], Augment]:
    """Let recipes name the decorated function: `augment: {custom: [NAME or NAME=PROBABILITY]}`.

    It is called with images (N, C, H, W) uint8, which it may write to, and `draw`: `draw(k)` gives
    (N,) uniform float64 numbers in [0, 1) for k = 0, 1, ..., which depend on seed, epoch, image and
    copy alone. It returns images of the same shape, type and device, and treats each image by
    itself: with a probability below 1 it sees only those that were drawn. All randomness has to
    come from `draw`, or runs will not repeat.

    Raises:
        ValueError: the name is taken (with the place of the other), or no name.
    """
    origin = caller()

    def register(function: Augment) -> Augment:
        check_word(name, what="an augmentation", origin=origin)
        return AUGMENTATIONS.register(name, function, origin=origin)

    return register


def check_augmentations(augmentation: Augmentation) -> None:
    """Raise ValueError, beginning with the key, for a name that is not registered."""
    check_registered(AUGMENTATIONS, (name for name, _ in augmentation.own), key=_KEY)


def customised(images: Tensor, augmentation: Augmentation, *, draw: Draw) -> Tensor:
    """The images after the recipe's own augmentations, planar.

    Args:
        images: (N, C, H, W) uint8, not written to.
        augmentation: names them in `custom`.
        draw: stream -> (N,) uniform numbers, one a sample.

    Raises:
        ValueError: one is not registered, or returns another shape, type or device.
    """
    check_augmentations(augmentation)
    for name, probability in augmentation.own:
        images = _applied(images, name, probability, draw=draw)
    return images


def _applied(images: Tensor, name: str, probability: float, *, draw: Draw) -> Tensor:
    import torch

    from datamodules.augment.transfer import moved

    first = _first_stream(name)
    rows = np.flatnonzero(draw(first) < probability)
    if not len(rows):
        return images
    # a copy that it may write to; planar whatever the reader, so that sums come in the same order
    changed = images.clone(memory_format=torch.contiguous_format)
    chosen = moved(rows, images.device)
    whole = len(rows) == len(images)
    given = changed if whole else changed.index_select(0, chosen)
    found = AUGMENTATIONS[name](given, lambda stream: draw(_stream(first, stream, name))[rows])
    _check_result(found, images, rows=len(rows), name=name)
    return found if whole else changed.index_copy_(0, chosen, found)


def _check_result(found: object, images: Tensor, *, rows: int, name: str) -> None:
    import torch

    expected = (torch.Size((rows, *images.shape[1:])), images.dtype, images.device)
    if not isinstance(found, torch.Tensor):
        said = f"a {type(found).__name__}"
    elif (found.shape, found.dtype, found.device) != expected:
        said = f"{tuple(found.shape)} {found.dtype} on {found.device}"
    else:
        return
    shape, dtype, device = expected
    raise ValueError(
        f"the augmentation {name!r} ({AUGMENTATIONS.origin(name)}) returned {said}, but it has to "
        f"return what it was given: {tuple(shape)} {dtype} on {device}"
    )


def _first_stream(name: str) -> int:
    """Above all streams of `random_streams.Stream`; names share none."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:5], "big") * _STREAMS + _STREAMS


def _stream(first: int, stream: int, name: str) -> int:
    if not 0 <= stream < _STREAMS - 1:
        raise ValueError(f"the augmentation {name!r} draws {stream}: streams go from 0")
    return first + 1 + stream
