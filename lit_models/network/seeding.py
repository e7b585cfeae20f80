"""Randomness as a function of (seed, place): paired between networks, and exact after a resume.

Lightning's checkpoints hold no random state, and a network that draws more numbers than another
would shift every later draw. So the global generators are set anew before each training batch.
"""

import hashlib
import random

import numpy as np
import torch


def stable_seed(*parts: int | str) -> int:
    """A 63-bit number that depends on `parts` and on nothing else (not on PYTHONHASHSEED)."""
    text = ":".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seed_draws(*parts: int | str, device: torch.device) -> None:
    """Set Python's, NumPy's and torch's global generators (CPU and `device`) from `parts`.

    timm's Mixup draws from NumPy, dropout and stochastic depth draw on the device.
    """
    seed = stable_seed(*parts)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # not torch.manual_seed: without a GPU it formats a stack trace at every call, 100 us
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
