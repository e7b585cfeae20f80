"""The benchmark's zoom: the centre of images, enlarged to their size (arXiv 1903.12261)."""

from math import ceil

from torch import Tensor
from torch.nn.functional import interpolate


def zoomed(images: Tensor, factor: float) -> Tensor:
    """The centre of images `(N, C, H, H)` enlarged by a factor of at least 1 to `(N, C, H, H)`."""
    side = images.shape[-1]
    crop = centre(side, factor)
    first = (side - crop) // 2
    window = images[..., first : first + crop, first : first + crop]
    return enlarged(window, factor, side=side)


def centre(side: int, factor: float) -> int:
    """Side in pixels of the centre that an enlargement of images of `side` pixels shows."""
    return ceil(side / factor)


def enlarged(window: Tensor, factor: float, *, side: int) -> Tensor:
    """A window `(N, C, h, h)` enlarged, linearly and with its corners in place, and then trimmed.

    Args:
        window: of `centre` pixels.
        factor: the result's corners are trimmed where it makes more than `side` pixels.
        side: of the result.
    """
    large = round(window.shape[-1] * factor)
    grown = interpolate(window, size=(large, large), mode="bilinear", align_corners=True)
    first = (large - side) // 2
    return grown[..., first : first + side, first : first + side]
