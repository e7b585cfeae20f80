"""Sequences in which the view moves: zoom blur, translate, rotate, tilt, scale.

Pillow moves the pixels, as torchvision did for the benchmark: linear interpolation that cuts off
fractions of grey levels, and black where there is no pixel.
"""

from collections.abc import Iterable, Iterator
from math import cos, radians, sin

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from datamodules.perturbations.tables import Perturbation

# From a place in the output (x, y, 1) to one in the input, both in pixels from the upper left
# corner of the upper left pixel.
Matrix = NDArray[np.float64]


def translate(canvas: torch.Tensor, how: Perturbation) -> torch.Tensor:
    """What is seen moves to the right, by pixels."""
    return seen(canvas, (_shift(-pixels, 0) for pixels in how.amounts()), how)


def rotate(canvas: torch.Tensor, how: Perturbation) -> torch.Tensor:
    """What is seen turns clockwise about the centre, by degrees."""
    side = canvas.shape[-1]
    return seen(canvas, (_about_centre(_turn(degrees), side) for degrees in how.amounts()), how)


def scale(canvas: torch.Tensor, how: Perturbation) -> torch.Tensor:
    """What is seen grows from the centre, by 1 plus a share."""
    side = canvas.shape[-1]
    return seen(canvas, (_grown(1 + share, side) for share in how.amounts()), how)


def tilt(canvas: torch.Tensor, how: Perturbation) -> torch.Tensor:
    """What is seen turns about both of its axes, by degrees, in the eyes of a pinhole camera."""
    side = canvas.shape[-1]
    return seen(canvas, (_tilted(degrees, side) for degrees in how.amounts()), how)


def zoom_blur(image: torch.Tensor, how: Perturbation) -> torch.Tensor:
    """Frame i is the mean of the image and of the i first enlargements of it, by 1 plus a share."""
    side = image.shape[-1]
    grown = seen(image, (_grown(1 + share, side) for share in how.amounts()), how)
    sums = grown.to(torch.int32).cumsum_(1)
    count = torch.arange(1, how.frames + 1, dtype=torch.int32).view(1, -1, 1, 1, 1)
    return sums.div_(count, rounding_mode="floor").to(torch.uint8)


def seen(canvas: torch.Tensor, matrices: Iterable[Matrix], how: Perturbation) -> torch.Tensor:
    """A canvas `(N, C, W, W)` uint8 through each matrix: its centre `(N, frames, C, H, H)`."""
    side, first = how.side, (canvas.shape[-1] - how.side) // 2
    views = [_normal(matrix @ _shift(first, first)) for matrix in matrices]
    frames = np.empty((len(canvas), len(views), side, side, canvas.shape[1]), np.uint8)
    for image, sequence in zip(_pictures(canvas), frames, strict=True):
        for view, frame in zip(views, sequence, strict=True):
            shown = image.transform((side, side), *view, Image.Resampling.BILINEAR)
            frame[:] = np.asarray(shown).reshape(frame.shape)
    return torch.from_numpy(frames).permute(0, 1, 4, 2, 3).contiguous()


def _pictures(canvas: torch.Tensor) -> Iterator[Image.Image]:
    for pixels in canvas.permute(0, 2, 3, 1).contiguous().numpy():
        yield Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])


def _normal(matrix: Matrix) -> tuple[Image.Transform, tuple[float, ...]]:
    """The transform that a matrix is, as Pillow wants it."""
    values = (matrix / matrix[2, 2]).ravel().tolist()
    if matrix[2, 0] == matrix[2, 1] == 0:
        return Image.Transform.AFFINE, tuple(values[:6])
    return Image.Transform.PERSPECTIVE, tuple(values[:8])


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _turn(degrees: float) -> Matrix:
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float64)


def _grown(factor: float, side: int) -> Matrix:
    return _about_centre(np.diag([1 / factor, 1 / factor, 1]), side)


def _about_centre(matrix: Matrix, side: int) -> Matrix:
    return _shift(side / 2, side / 2) @ matrix @ _shift(-side / 2, -side / 2)


def _tilted(degrees: float, side: int) -> Matrix:
    """The camera is as far away as the diagonal is long, and looks at the corner of four pixels.

    The benchmark's formula is for places that count from the middle of the upper left pixel, and
    has the image one pixel nearer than the point about which it turns: upright, it is
    a bit smaller.
    """
    c, s, far = cos(radians(degrees)), sin(radians(degrees)), float(np.hypot(side, side))
    onto_plane = np.array([[1, 0, -side / 2], [0, 1, -side / 2], [0, 0, 1], [0, 0, 1]])
    about_x = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
    about_y = np.array([[c, 0, -s, 0], [0, 1, 0, 0], [s, 0, c, 0], [0, 0, 0, 1]])
    away = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, far], [0, 0, 0, 1]])
    camera = np.array([[far, 0, side / 2, 0], [0, far, side / 2, 0], [0, 0, 1, 0]])
    forwards = camera @ away @ about_x @ about_y @ onto_plane
    return _shift(0.5, 0.5) @ np.linalg.inv(forwards) @ _shift(-0.5, -0.5)
