"""RandAugment (Cubuk et al. 2019) with timm's policy strings, drawn for a whole batch.

timm reads the string; which operations a sample takes, and how strongly, follows timm's rules from
draws of the sample's own.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np
from torch import Tensor

from datamodules.augment import pixel_ops
from datamodules.augment.levels import LEVELS
from datamodules.augment.pixel_ops import Operation
from datamodules.augment.resampling import Resampling
from datamodules.augment.steps import Step, run_steps
from datamodules.config.augmentation import Augmentation
from datamodules.config.info import DatasetInfo
from datamodules.sampling.random_streams import Draw, Floats, Integers, Stream, integers

_MAX_LAYERS = 100  # as many streams are set aside for each kind of draw


def rand_augment(
    images: Tensor, augmentation: Augmentation, info: DatasetInfo, *, draw: Draw
) -> Tensor:
    """Apply the policy `augmentation.rand_augment`.

    Args:
        images: (N, C, H, W) uint8 with one or three channels, not written to.
        augmentation: has a policy, and says how to resample.
        info: the data set; its mean colour fills what comes from outside of an image.
        draw: stream -> (N,) uniform numbers, one a sample.

    Returns:
        (N, C, H, W) uint8, new, planar.

    Raises:
        ValueError: a policy that timm cannot read, or with an operation that is not here.
    """
    assert augmentation.rand_augment is not None
    policy = read_policy(augmentation.rand_augment, width=images.shape[3])
    steps = policy_steps(policy, draw=draw)
    fill = tuple(min(255, round(255 * value)) for value in info.mean)
    resampling = Resampling(augmentation.interpolation, fill)
    return run_steps(images, steps, operations=operations(resampling))


@lru_cache(maxsize=16)
def read_policy(policy: str, *, width: int) -> Any:
    """timm's own object for a policy string; `width` of the images in pixels.

    Raises:
        ValueError: timm cannot read it, or it has an operation that is not here.
    """
    from timm.data.auto_augment import rand_augment_transform

    hparams = {"translate_const": int(width * 0.45)}
    try:
        found = rand_augment_transform(policy, hparams)
    except (AssertionError, KeyError, ValueError) as error:
        reason = f" ({error})" if str(error) else ""
        raise ValueError(
            f"recipe.augment.rand_augment is {policy!r}, which timm cannot read{reason}; "
            "it has to be like rand-m9-mstd0.5-inc1."
        ) from error
    missing = [operation.name for operation in found.ops if operation.name not in LEVELS]
    if missing:
        raise ValueError(
            f"recipe.augment.rand_augment is {policy!r}, whose operation {missing[0]} is not "
            f"available; available are {', '.join(LEVELS)}."
        )
    most = _MAX_LAYERS if found.choice_weights is None else len(found.ops)
    if not 0 <= found.num_layers <= most:
        raise ValueError(
            f"recipe.augment.rand_augment is {policy!r}, whose n is {found.num_layers}, "
            f"but it has to be from 0 to {most}."
        )
    return found


def policy_steps(policy: Any, *, draw: Draw) -> list[Step]:
    """What timm's object does to each sample of a batch, layer by layer."""
    chosen = _choices(policy, draw=draw)
    steps = []
    for layer, choice in enumerate(chosen):
        applied = draw(Stream.RAND_APPLY + layer)
        sign = np.where(draw(Stream.RAND_SIGN + layer) > 0.5, -1.0, 1.0)
        magnitudes = partial(_magnitudes, layer=layer, draw=draw)
        for number, operation in enumerate(policy.ops):
            rows = np.flatnonzero((choice == number) & (applied < operation.prob))
            if len(rows):
                level = LEVELS[operation.name]
                values = level(magnitudes(operation)[rows], sign[rows], operation.hparams)
                steps.append(Step(operation.name, rows, values))
    return steps


def operations(resampling: Resampling) -> dict[str, Operation]:
    """timm's name of an operation -> what computes it."""
    named: dict[str, Operation] = {
        "AutoContrast": pixel_ops.auto_contrast,
        "Equalize": pixel_ops.equalize,
        "Invert": pixel_ops.invert,
        "Rotate": resampling.rotate,
        "Posterize": pixel_ops.posterize,
        "PosterizeOriginal": pixel_ops.posterize,
        "Solarize": pixel_ops.solarize,
        "SolarizeAdd": pixel_ops.solarize_add,
        "Color": pixel_ops.color,
        "Contrast": pixel_ops.contrast,
        "Brightness": pixel_ops.brightness,
        "Sharpness": pixel_ops.sharpness,
        "ShearX": resampling.shear_x,
        "ShearY": resampling.shear_y,
        "TranslateX": resampling.translate_x,
        "TranslateY": resampling.translate_y,
        "TranslateXRel": lambda images, share: resampling.translate_x(
            images, share * images.shape[3]
        ),
        "TranslateYRel": lambda images, share: resampling.translate_y(
            images, share * images.shape[2]
        ),
        "Desaturate": pixel_ops.desaturate,
        "GaussianBlur": pixel_ops.gaussian_blur,
    }
    increasing = {f"{name}Increasing": operation for name, operation in named.items()}
    return {name: (named | increasing)[name] for name in LEVELS}


def _choices(policy: Any, *, draw: Draw) -> list[Integers]:
    """For each layer the operation of each sample, (N,); weighted ones without repetition."""
    streams = [Stream.RAND_OPERATION + layer for layer in range(policy.num_layers)]
    if policy.choice_weights is None:
        return [integers(draw(stream), len(policy.ops)) for stream in streams]
    left: Floats | None = None
    chosen = []
    for stream in streams:
        uniform = draw(stream)
        if left is None:
            left = np.tile(policy.choice_weights, (len(uniform), 1))
        upper = left.cumsum(axis=1)
        choice = (upper <= (uniform * upper[:, -1])[:, None]).sum(axis=1)
        chosen.append(np.minimum(choice, len(policy.ops) - 1))
        left[np.arange(len(uniform)), chosen[-1]] = 0
    return chosen


def _magnitudes(operation: Any, *, layer: int, draw: Draw) -> Floats:
    """(N,) magnitudes: fixed, normal around the policy's, or uniform up to it; then clipped."""
    uniform = draw(Stream.RAND_MAGNITUDE + layer)
    values = np.full(len(uniform), float(operation.magnitude))
    if operation.magnitude_std == math.inf:
        values = uniform * operation.magnitude
    elif operation.magnitude_std > 0:
        angle = 2 * np.pi * draw(Stream.RAND_MAGNITUDE_ANGLE + layer)
        values += operation.magnitude_std * np.sqrt(-2 * np.log1p(-uniform)) * np.cos(angle)
    clipped: Floats = np.clip(values, 0, operation.magnitude_max or 10.0)
    return clipped
