"""Between stored pixels, uint8, and those that are computed with, float32 in [0, 1]."""

import torch

_LUMA = (0.299, 0.587, 0.114)


def floats(pixels: torch.Tensor) -> torch.Tensor:
    """Stored pixels as float32 in [0, 1]."""
    return pixels.float().div_(255)


def truncated(images: torch.Tensor) -> torch.Tensor:
    """Images as stored pixels: clipped to [0, 1], times 255, cut off. Overwrites them."""
    return images.clamp_(0, 1).mul_(255).to(torch.uint8)


def rounded(images: torch.Tensor) -> torch.Tensor:
    """Images as stored pixels: clipped to [0, 1], times 255, rounded. Overwrites them."""
    return images.clamp_(0, 1).mul_(255).round_().to(torch.uint8)


def luma(pixels: torch.Tensor) -> torch.Tensor:
    """Stored pixels `(N, 3, H, W)` as grey ones `(N, 1, H, W)`, by the weights of ITU-R BT.601."""
    red, green, blue = (pixels[:, channel].float() * w for channel, w in enumerate(_LUMA))
    return (red + green).add_(blue).round_().to(torch.uint8).unsqueeze(1)
