"""Elastic transform: a random affine map, then every pixel displaced by a smooth random field."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from datamodules.corruptions.drawn import Draws
from datamodules.corruptions.filters import gaussian_matrix
from datamodules.corruptions.pixels import floats, truncated
from datamodules.corruptions.severities import Severity

_TRUNCATE = 3  # sigmas of the field's Gaussian
Floats = NDArray[np.float32]


def elastic_transform(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """Three points of the image move by up to c2 px, then pixels by c0 times a smoothed U(-1, 1).

    Exact linear interpolation; OpenCV, with which the benchmark was made, rounds the places of the
    affine map to 1/32 px. Outside, the affine map mirrors at border pixels (`c b|a b c`), the
    displacement between them and their images (`b a|a b c`).
    """
    height, sigma, jitter = severity.values
    side = pixels.shape[-1]
    moves, fields = _drawn(len(pixels), side, draws, needs_field=height > 0)
    corners = _corners(side)
    maps = np.stack([_inverse(corners, corners + jitter * move) for move in moves])
    images = grid_sample(
        floats(pixels),
        _grid(_mapped(maps, side), side - 1),
        padding_mode="reflection",
        align_corners=True,
    )
    if height > 0:
        matrix = gaussian_matrix(side, sigma, truncate=_TRUNCATE)
        smooth = np.matmul(np.matmul(matrix, fields), matrix.T)  # one product an image and field
        places = _places(side) + height * torch.from_numpy(smooth).permute(0, 2, 3, 1)
        images = grid_sample(
            images, _grid(places + 0.5, side), padding_mode="reflection", align_corners=False
        )
    return truncated(images)


def _drawn(count: int, side: int, draws: Draws, *, needs_field: bool) -> tuple[Floats, Floats]:
    """Numbers in [-1, 1): moves (N, 3, 2) of three points, fields (N, 2, H, W), both x first."""
    moves = np.empty((count, 3, 2), np.float32)
    fields = np.empty((count, 2, side, side) if needs_field else (count, 0), np.float32)
    for move, field, generator in zip(moves, fields, draws, strict=True):
        generator.random(out=move, dtype=np.float32)
        generator.random(out=field, dtype=np.float32)
    return 2 * moves - 1, 2 * fields - 1


def _corners(side: int) -> Floats:
    """Three corners of a square in the middle, x and y."""
    middle, third = side // 2, side // 3
    return np.array([[1, 1], [1, -1], [-1, -1]], np.float32) * third + middle


def _inverse(before: Floats, after: Floats) -> Floats:
    """The affine map `(2, 3)` that takes three points `after` to `before`."""
    homogeneous = np.column_stack([after.astype(np.float64), np.ones(3)])
    return np.linalg.solve(homogeneous, before.astype(np.float64)).T.astype(np.float32)


@lru_cache(maxsize=4)
def _places(side: int) -> torch.Tensor:
    """`(H, W, 2)`: x and y of each pixel."""
    along = torch.arange(side, dtype=torch.float32)
    return torch.stack(torch.meshgrid(along, along, indexing="xy"), -1)


def _mapped(maps: Floats, side: int) -> torch.Tensor:
    """Where each pixel comes from under the maps `(N, 2, 3)`: `(N, H, W, 2)`."""
    x, y = _places(side).unbind(-1)
    rows = torch.from_numpy(maps)[:, :, :, None, None]
    return torch.stack(
        [rows[:, axis, 0] * x + rows[:, axis, 1] * y + rows[:, axis, 2] for axis in (0, 1)], -1
    )


def _grid(places: torch.Tensor, length: int) -> torch.Tensor:
    """Places from 0 to `length` as those from -1 to 1 of `grid_sample`."""
    return places.mul_(2 / length).sub_(1)
