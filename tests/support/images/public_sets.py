"""Public sets of images in their layouts, tiny: every image is of one colour, which says its class.

The colour of the k-th class folder is (k % 256, k // 256, 0), so that a network can read the folder
off the pixels: see `reader_of_colours`.
"""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

SIDE = 4


@cache
def coloured(number: int, side: int = SIDE) -> bytes:
    """A PNG of the colour of the class folder with this number."""
    image = Image.new("RGB", (side, side), (number % 256, number // 256, 0))
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def write_classes(folder: Path, names: Sequence[str], *, images: int = 1, side: int = SIDE) -> Path:
    """FOLDER/NAME/K.png, the same number of every class, and a text beside the classes."""
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for image in range(images):
            (folder / name / f"{image}.png").write_bytes(coloured(number, side))
    (folder / "README.txt").write_text("a public set")
    return folder


class ReaderOfColours(nn.Module):
    """A network that is sure of `answers[k]` where it sees the colour of the k-th folder.

    Args:
        answers: the class of each folder that it says.
        classes: that it tells apart.
    """

    def __init__(self, answers: Sequence[int], classes: int) -> None:
        super().__init__()
        self.answers, self.classes = torch.tensor(answers), classes

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels `(N, 3, H, W)` in [0, 1] to logits `(N, classes)`."""
        red, green = (255 * pixels[:, :2].mean((2, 3))).round().long().unbind(1)
        folders = (red + 256 * green).clamp(max=len(self.answers) - 1)  # a padded row shows none
        said = self.answers[folders]
        logits = torch.zeros(len(pixels), self.classes)
        logits[torch.arange(len(pixels)), said] = 10
        return logits


def write_array(folder: Path, name: str, *, images: int, side: int, classes: int) -> None:
    """CIFAR-C's arrays for `images` a severity: the red of a pixel is its severity."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((5 * images, side, side, 3), np.uint8)
    pixels[..., 0] = np.repeat(np.arange(1, 6), images)[:, None, None]
    pixels[:, 0, 0, 1] = np.arange(5 * images) % 256
    np.save(folder / f"{name}.npy", pixels)
    np.save(folder / "labels.npy", np.arange(5 * images) % classes)
