"""Reading files of weights from anywhere: tensors and plain values only, nothing is executed."""

import argparse
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

_GLOBAL = re.compile(r"(?:GLOBAL|class|function)\s+([\w.]+\.[\w.]+)")
_HEADER = 100 * 2**20  # bytes; the largest header of a safetensors file that is legal


def read_tensors(path: Path) -> dict[str, Any]:
    """What a file of `torch.save` or safetensors holds, on the CPU.

    Command line options (`argparse.Namespace`), which official checkpoints keep beside the weights,
    are let through: they are plain values.

    Raises:
        ValueError: there is no such file, it is truncated or damaged, is no checkpoint, or holds
            objects of other kinds, which could run code; naming the file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    content = _safetensors(path) if _is_safetensors(start) else _torch(path, start)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__} and no weights by name")
    return dict(content)


def _torch(path: Path, start: bytes) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what follows is an error or fine
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes raise whatever they happen to mean
        raise ValueError(f"{path} {_reason(error, start)}") from None


def _reason(error: Exception, start: bytes) -> str:
    """Why a file could not be read, beginning with a verb."""
    pickled = isinstance(error, pickle.UnpicklingError)
    found = _GLOBAL.search(str(error)) if pickled else None
    if found is not None:
        return (
            f"holds {found[1]} besides tensors and plain values: that could run code, so the file "
            "was not read and nothing in it was run; save its state dict alone where it comes from"
        )
    if not start.startswith((b"PK", b"\x80")):
        return (
            f"is no checkpoint: it begins with {start[:8]!r}, and files of torch.save and "
            "safetensors do not"
        )
    if pickled:
        return (
            "is damaged, or a pickle that torch.save did not write, which could run code: nothing "
            "in it was read or run"
        )
    first = re.split(r"\.\s|\n", str(error).strip())[0].rstrip(".") or type(error).__name__
    return f"is truncated or damaged and cannot be read ({first}): fetch it again"


def _is_safetensors(start: bytes) -> bool:
    size = int.from_bytes(start[:8], "little")
    return start[8:9] == b"{" and 0 < size <= _HEADER


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        content: dict[str, torch.Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is truncated or damaged and cannot be read ({error}): fetch it again"
        ) from None
    # the file has an order of its own; layouts may need that of the network, 2 before 10
    return dict(sorted(content.items(), key=lambda item: _natural(item[0])))


def _natural(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in key.split(".")]
