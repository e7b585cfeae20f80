"""Videos of ImageNet-P as frames, by PyAV, which is not installed with the rest."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEEDS = "ImageNet-P needs PyAV to read its videos: pip install av"


def readable() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


def frames(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """All frames of a video, (T, H, W, 3).

    Raises:
        ValueError: PyAV is not installed, or the file is no video; the message names it.
    """
    if not readable():
        raise ValueError(NEEDS)
    av: Any = import_module("av")  # no dependency, not even of an extra

    try:
        with av.open(os.fspath(path)) as video:
            found = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f"{os.fspath(path)} is no video that can be read ({error})") from error
    if not found:
        raise ValueError(f"{os.fspath(path)} has no frame")
    return np.stack(found)
