"""From the samples of an image file to 8-bit RGB: one rule for every mode."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Values of 12 bits in samples of 16, or fewer: 16 grey levels would be left of them.
_NARROW = 4096
# Their 16 bits come as mode I from some versions of Pillow, with 65535 as white.
_STATED = ("PNG", "PPM")


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in mode RGB, as it was opened; of several frames the first.

    The upper eight of 16 bits are kept, since white is 65535. Palettes are looked up, one bit
    becomes 0 or 255, CMYK is converted without a profile, and alpha is dropped, as by torchvision.

    Raises:
        ValueError: nothing states which values are black and white (see `check_range`), or all
            values of 16 bits lie below 4096.
    """
    check_range(image)
    deep = image.mode == "I" or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    if image.mode == "I" or image.mode.startswith("I;16"):
        samples = np.asarray(image)
        _check_narrow(int(samples.max(initial=0)))
        # PIL would clip at 255 and make nearly every pixel white.
        return Image.fromarray((samples >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    rgb = image.convert("RGB")
    if deep:  # of which PIL has kept the upper eight
        _check_narrow(int(np.asarray(rgb).max(initial=0)) << 8)
    return rgb


def check_range(image: Image.Image) -> None:
    """From the header: whether values have a known range.

    Raises:
        ValueError: they are floating-point numbers, or integers of 32 bits.
    """
    kind = {"F": "floating-point numbers", "I": "integers of 32 bits"}.get(image.mode)
    if kind is not None and not (image.mode == "I" and image.format in _STATED):
        raise ValueError(
            f"its samples are {kind}, and nothing says which are black and white: convert it to 8 "
            "or 16 bits"
        )


def _check_narrow(largest: int) -> None:
    if 0 < largest < _NARROW:
        raise ValueError(
            "its 16-bit samples all lie below 4096, so that they seem to hold 12 bits or fewer: "
            "scale them to 65535, or convert it to 8 bits"
        )
