"""What answers are made of, and what their arrays are called; nothing here imports torch."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

# Of every answer that is a class: (N,) each.
PREDICTED, CORRECT, CONFIDENCE, LOSS = "predicted", "correct", "confidence", "loss"
TOP5 = "top5"  # (N, frames, 5), of a sequence
DISTANCE = "distance"  # (N,) largest |x' - x| of an attack, pixels in [0, 1]
MASKED = "masked"  # (N,) bool, whether an attack's gradient is 0 on more than half of the pixels
AREA = "area"  # (N,) which share of an image was dropped by its saliency
