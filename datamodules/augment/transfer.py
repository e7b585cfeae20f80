"""Small arrays to the training device without waiting for it."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def moved(array: NDArray[Any], device: torch.device) -> Tensor:
    """The array as a tensor on the device; on the CPU the same memory."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        # From pageable memory the driver may wait until the device has done its queued work.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
