"""Weather by another implementation, imagecorruptions-imaug 1.1.5, from the same random numbers.

    pip install imagecorruptions-imaug==1.1.5; python -m tests.support.corruptions.weather_pictures

writes weather.npz again. That package has the severities of 224 px only, so these smaller pictures
have them, too. Its frost is another (six pictures, enlarged by 1.1), and is left out. Its zoom
keeps more than the picture's pixels where a factor does not divide them; the benchmark's is used.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom as zoom_of_arrays

from datamodules.sampling.image_draws import image_generators
from tests.support.images.photographs import cuts

PICTURES = Path(__file__).with_name("weather.npz")
NAMES = ("snow", "fog", "brightness", "spatter")
SEVERITIES = (1, 2, 3, 4, 5)
SIDE, TABLE = 48, 224
SEED, INDEX = 0, 3
_PLASMA = 256  # side of the map that the benchmark cuts fog from
_ZOOM = (3, 2, 4, 4.5, 2.5)  # of snow


def picture() -> NDArray[np.uint8]:
    """The photograph `(SIDE, SIDE, 3)` that is corrupted."""
    return np.asarray(cuts(1, (SIDE, SIDE))[0])


def corrupted(name: str, severity: int) -> NDArray[np.uint8]:
    """It as the other implementation corrupts it with what this project draws."""
    import imagecorruptions

    (generator,) = image_generators(name, level=severity, seed=SEED, indices=np.array([INDEX]))
    with _drawing_from(generator, zoom=_ZOOM[severity - 1] if name == "snow" else 1):
        return np.asarray(
            imagecorruptions.corrupt(picture(), corruption_name=name, severity=severity)
        )


@contextmanager
def _drawing_from(generator: np.random.Generator, *, zoom: float) -> Iterator[None]:
    """`np.random` draws from a generator as the corruptions of this project do."""

    def normal(*, size: tuple[int, int], loc: float, scale: float) -> NDArray[np.float64]:
        if zoom == 1:
            return loc + scale * generator.standard_normal(size)
        field, side = np.zeros(size), ceil(size[0] / zoom)
        first = (size[0] - side) // 2
        field[first : first + side, first : first + side] = generator.standard_normal(
            (side, side), np.float32
        )
        return loc + scale * field

    def uniform(low: float, high: float, shape: tuple[int, ...] | None = None) -> object:
        if shape is None:
            return generator.uniform(low, high)
        return low + (high - low) * generator.random(shape, np.float32)

    package, plasma_side = "imagecorruptions.corruptions", lambda side: _PLASMA
    with ExitStack() as stack:
        stack.enter_context(patch("numpy.random.normal", normal))
        stack.enter_context(patch("numpy.random.uniform", uniform))
        stack.enter_context(patch(f"{package}.next_power_of_2", plasma_side))
        stack.enter_context(patch(f"{package}.clipped_zoom", clipped_zoom))
        yield


def clipped_zoom(image: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """The centre of `(H, H, C)`, enlarged to its size: corners in place, the surplus trimmed."""
    side = len(image)
    crop = ceil(side / factor)
    first = (side - crop) // 2
    window = image[first : first + crop, first : first + crop]
    grown: NDArray[np.float64] = zoom_of_arrays(window, (factor, factor, 1), order=1)
    first = (len(grown) - side) // 2
    return grown[first : first + side, first : first + side]


if __name__ == "__main__":
    made: dict[str, Any] = {
        name: np.stack([corrupted(name, s) for s in SEVERITIES]) for name in NAMES
    }
    np.savez_compressed(PICTURES, **made)
