"""timm's rules from RandAugment's magnitude to an operation's argument, for whole batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from datamodules.sampling.random_streams import Floats

# (magnitudes (M,), signs (M,) of -1 or 1, timm's hparams) -> arguments (M,)
Level = Callable[[Floats, Floats, Mapping[str, Any]], Floats]

_FULL = 10.0  # the magnitude that gives the upper end of timm's ranges


def _nothing(magnitude: Floats, *_: Any) -> Floats:
    return np.zeros_like(magnitude)


def _signed(limit: float) -> Level:
    return lambda magnitude, sign, _: sign * (magnitude / _FULL * limit)


def _translate(magnitude: Floats, sign: Floats, hparams: Mapping[str, Any]) -> Floats:
    return sign * (magnitude / _FULL * float(hparams["translate_const"]))


def _translate_relative(magnitude: Floats, sign: Floats, hparams: Mapping[str, Any]) -> Floats:
    return sign * (magnitude / _FULL * float(hparams.get("translate_pct", 0.45)))


def _enhance(magnitude: Floats, *_: Any) -> Floats:
    return magnitude / _FULL * 1.8 + 0.1


def _enhance_increasing(magnitude: Floats, sign: Floats, _: Mapping[str, Any]) -> Floats:
    return np.maximum(0.1, 1 + sign * (magnitude / _FULL * 0.9))


def _span(low: float, high: float) -> Level:
    return lambda magnitude, *_: np.clip(low + (high - low) * (magnitude / _FULL), low, high)


def _bits(magnitude: Floats, *_: Any) -> Floats:
    return np.trunc(magnitude / _FULL * 4)


def _threshold(magnitude: Floats, *_: Any) -> Floats:
    return np.minimum(256, np.trunc(magnitude / _FULL * 256))


def _amount(magnitude: Floats, *_: Any) -> Floats:
    return np.minimum(128, np.trunc(magnitude / _FULL * 110))


LEVELS: dict[str, Level] = {
    "AutoContrast": _nothing,
    "Equalize": _nothing,
    "Invert": _nothing,
    "Rotate": _signed(30.0),
    "Posterize": _bits,
    # Magnitudes above 10 ask for fewer than no bits, where timm fails.
    "PosterizeIncreasing": lambda *given: np.maximum(0, 4 - _bits(*given)),
    "PosterizeOriginal": lambda *given: _bits(*given) + 4,
    "Solarize": _threshold,
    "SolarizeIncreasing": lambda *given: 256 - _threshold(*given),
    "SolarizeAdd": _amount,
    "Color": _enhance,
    "ColorIncreasing": _enhance_increasing,
    "Contrast": _enhance,
    "ContrastIncreasing": _enhance_increasing,
    "Brightness": _enhance,
    "BrightnessIncreasing": _enhance_increasing,
    "Sharpness": _enhance,
    "SharpnessIncreasing": _enhance_increasing,
    "ShearX": _signed(0.3),
    "ShearY": _signed(0.3),
    "TranslateX": _translate,
    "TranslateY": _translate,
    "TranslateXRel": _translate_relative,
    "TranslateYRel": _translate_relative,
    "Desaturate": _span(0.5, 1.0),
    "GaussianBlur": _span(0.1, 2.0),
}
