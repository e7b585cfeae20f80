"""The corruptions as their definitions read, one image at a time in float64: slow and plain.

All take images (S, S, 3) uint8 and the values of a severity, and give images in [0, 1] times 255,
before they become integers.
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Values = tuple[float, ...]


def gaussian_blur(pixels: Pixels, values: Values) -> Floats:
    (sigma,) = values
    return blurred(pixels / 255, sigma) * 255


def blurred(image: Floats, sigma: float) -> Floats:
    found: Floats = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=4)
    return found


def defocus_blur(pixels: Pixels, values: Values) -> Floats:
    radius, smoothing = values
    reach = 8 if radius <= 8 else int(radius)
    disc = np.zeros((2 * reach + 1, 2 * reach + 1))
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            disc[y + reach, x + reach] = x * x + y * y <= radius * radius
    taps = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    gaussian = np.exp(-(taps**2) / (2 * smoothing**2))
    gaussian /= gaussian.sum()
    kernel = disc / disc.sum()
    for axis in (0, 1):
        kernel = ndimage.correlate1d(kernel, gaussian, axis=axis, mode="mirror")
    found: Floats = ndimage.correlate(pixels / 255, kernel[..., None], mode="mirror")
    return found * 255


def zoom_blur(pixels: Pixels, values: Values) -> Floats:
    side = len(pixels)
    images = [pixels / 255]
    for factor in np.arange(*values):
        crop = int(np.ceil(side / factor))
        top = (side - crop) // 2
        inner = images[0][top : top + crop, top : top + crop]
        larger = ndimage.zoom(inner, (factor, factor, 1), order=1)
        trim = (len(larger) - side) // 2
        images.append(larger[trim : trim + side, trim : trim + side])
    mean: Floats = np.mean(images, axis=0) * 255
    return mean


def contrast(pixels: Pixels, values: Values) -> Floats:
    image = pixels / 255
    means = image.mean((0, 1))
    found: Floats = np.clip((image - means) * values[0] + means, 0, 1) * 255
    return found


def pixelate(pixels: Pixels, values: Values) -> Floats:
    side = len(pixels)
    fewer = int(side * values[0])
    small = Image.fromarray(pixels).resize((fewer, fewer), Image.Resampling.BOX)
    return np.asarray(small.resize((side, side), Image.Resampling.BOX), np.float64)


def jpeg_compression(pixels: Pixels, values: Values) -> Floats:
    return jpeg(pixels, int(values[0])).astype(np.float64)


def jpeg(pixels: Pixels, quality: int, *, optimize: bool = False) -> Pixels:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=optimize)
    return np.asarray(Image.open(file))


def brightness(pixels: Pixels, values: Values) -> Floats:
    hsv = rgb_to_hsv(pixels / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + values[0], 0, 1)
    found: Floats = hsv_to_rgb(hsv) * 255
    return found


def saturate(pixels: Pixels, values: Values) -> Floats:
    hsv = rgb_to_hsv(pixels / 255)
    hsv[..., 1] = np.clip(hsv[..., 1] * values[0] + values[1], 0, 1)
    found: Floats = hsv_to_rgb(hsv) * 255
    return found


# Those without a draw.
DETERMINISTIC: Mapping[str, Callable[[Pixels, Values], Floats]] = {
    "gaussian_blur": gaussian_blur,
    "defocus_blur": defocus_blur,
    "zoom_blur": zoom_blur,
    "contrast": contrast,
    "pixelate": pixelate,
    "jpeg_compression": jpeg_compression,
    "brightness": brightness,
    "saturate": saturate,
}


def motion_blur(pixels: Pixels, values: Values, *, angle: float) -> Floats:
    radius, sigma = values
    count = 2 * int(np.ceil(radius)) + 1
    taps = np.exp(-(np.arange(count) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    across, down = count * np.cos(np.deg2rad(angle)), count * np.sin(np.deg2rad(angle))
    side = len(pixels)
    blurred = np.zeros(pixels.shape)
    for number, weight in enumerate(taps):
        dx = int(np.ceil(number * across / np.hypot(across, down) - 0.5))
        dy = int(np.ceil(number * down / np.hypot(across, down) - 0.5))
        rows = np.clip(np.arange(side) + dy, 0, side - 1)
        columns = np.clip(np.arange(side) + dx, 0, side - 1)
        blurred += weight * pixels[rows][:, columns]
    return blurred


def scan(
    image: NDArray[Any], moves: NDArray[np.int8], *, reach: int, swap: bool = False
) -> NDArray[Any]:
    """One pass of glass blur, pixel by pixel; with `swap` the swap that the benchmark has not.

    Args:
        image: (S, S, C).
        moves: (2, S - 2 reach, S - 2 reach), dy and dx of the pixels from reach + 1 on.
        reach: largest move.
        swap: whether the two pixels exchange their values.
    """
    x = image.copy()
    side = len(x)
    for h in range(side - reach, reach, -1):
        for w in range(side - reach, reach, -1):
            dy, dx = moves[:, h - reach - 1, w - reach - 1].tolist()
            if swap:
                x[h, w], x[h + dy, w + dx] = x[h + dy, w + dx].copy(), x[h, w].copy()
            else:  # as views of an RGB array do
                x[h, w], x[h + dy, w + dx] = x[h + dy, w + dx], x[h, w]
    return x


def glass_blur(pixels: Pixels, values: Values, generator: np.random.Generator) -> Floats:
    sigma, reach, passes = values[0], int(values[1]), int(values[2])
    image: Pixels = (blurred(pixels / 255, sigma) * 255).astype(np.uint8)
    side = len(pixels)
    shape = (passes, 2, side - 2 * reach, side - 2 * reach)
    for moves in generator.integers(-reach, reach, shape, np.int8):
        image = scan(image, moves, reach=reach)
    return blurred(image / 255, sigma) * 255


def elastic_transform(pixels: Pixels, values: Values, *, moves: Floats, fields: Floats) -> Floats:
    """`moves` (3, 2) of three points and `fields` (2, S, S), x first, both from -1 to 1."""
    height, sigma, jitter = values
    side = len(pixels)
    middle, third = side // 2, side // 3
    before = np.array(
        [[middle + third] * 2, [middle + third, middle - third], [middle - third] * 2], float
    )
    after = before + jitter * moves
    # x and y of the source of a place are rows of this times (x, y, 1)
    inverse = np.linalg.solve(np.column_stack([after, np.ones(3)]), before).T
    y, x = np.mgrid[:side, :side]
    places = np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    source_x, source_y = (inverse @ places).reshape(2, side, side)
    moved = sampled(pixels / 255, source_y, source_x, mode="mirror")
    dx, dy = (
        ndimage.gaussian_filter(field, sigma, mode="reflect", truncate=3) * height if sigma else 0
        for field in fields
    )
    return sampled(moved, y + dy, x + dx, mode="reflect") * 255


def sampled(image: Floats, y: Floats, x: Floats, *, mode: str) -> Floats:
    """Linear interpolation, channel by channel."""
    channels = [
        ndimage.map_coordinates(channel, [y, x], order=1, mode=mode)
        for channel in image.transpose(2, 0, 1)
    ]
    return np.stack(channels, -1)


def gaussian_noise(pixels: Pixels, values: Values, generator: np.random.Generator) -> Floats:
    noisy = pixels / 255 + generator.normal(scale=values[0], size=pixels.shape)
    return np.clip(noisy, 0, 1) * 255


def speckle_noise(pixels: Pixels, values: Values, generator: np.random.Generator) -> Floats:
    image = pixels / 255
    return np.clip(image + image * generator.normal(scale=values[0], size=pixels.shape), 0, 1) * 255


def shot_noise(pixels: Pixels, values: Values, generator: np.random.Generator) -> Floats:
    return np.clip(generator.poisson(pixels / 255 * values[0]) / values[0], 0, 1) * 255


def impulse_noise(pixels: Pixels, values: Values, generator: np.random.Generator) -> Floats:
    hit = generator.random(pixels.shape) <= values[0]
    white = generator.random(pixels.shape) <= 0.5
    return np.where(hit, np.where(white, 255.0, 0.0), pixels)
