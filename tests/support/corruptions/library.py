"""What imagecorruptions-imaug makes of one small picture, to compare corruptions with.

    pip install imagecorruptions-imaug==1.1.5             # in an environment of its own
    python -m tests.support.corruptions.library           # writes library.npz beside this file

It has the table of 224 px, and takes any picture from 32 px on. Of the random ones only motion blur
takes its draw from outside. Its zoom, fog and others are the benchmark's; its elastic transform and
frost are not, so that they are no reference.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.images.photographs import cuts

FILE = Path(__file__).with_suffix(".npz")
SIDE, TABLE = 32, 224
LEVELS = (1, 3, 4, 5)  # defocus blur has another kernel at 4, and at 5
ANGLES = (0.0, 30.0, -45.0, 12.5)
MOTION = (10, 3)  # radius, sigma
PICTURE = "picture"
# those that draw nothing
NAMES = (
    "gaussian_blur",
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
    "saturate",
)


def write() -> None:
    """Ask the library, and store what it says."""
    library: Any = importlib.import_module("imagecorruptions")
    inside: Any = importlib.import_module("imagecorruptions.corruptions")
    picture = np.asarray(cuts(1, (224, 224))[0].resize((SIDE, SIDE), Image.Resampling.BOX))
    arrays: dict[str, NDArray[np.uint8]] = {PICTURE: picture}
    for name in NAMES:
        for level in LEVELS:
            arrays[f"{name}/{level}"] = library.corrupt(
                picture, corruption_name=name, severity=level
            )
    for angle in ANGLES:
        radius, sigma = MOTION
        smeared = inside._motion_blur(picture, radius=radius, sigma=sigma, angle=angle)
        arrays[f"motion_blur/{angle}"] = np.round(smeared).astype(np.uint8)
    np.savez_compressed(FILE, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    write()
