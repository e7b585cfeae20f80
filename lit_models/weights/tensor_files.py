"""Reading files of weights from anywhere: tensors and plain values only, nothing is executed."""

import argparse
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

_GLOBAL = re.compile(r"(?:GLOBAL|class|function)\s+([\w.]+\.[\w.]+)")
_ZIP = b"PK"
_FOLDER_MARK = 0x10  # of DOS attributes, in a ZIP file's directory
_HEADER = 100 * 2**20  # bytes; the largest header of a safetensors file that is legal


def read_tensors(path: str | Path, *, remedy: str = "fetch it again") -> dict[str, Any]:
    """What a file of `torch.save` or safetensors holds, on the CPU.

    Command line options (`argparse.Namespace`), which official checkpoints keep beside the weights,
    are let through: they are plain values. Where the format has checksums they are verified.

    Raises:
        ValueError: there is no such file, it is truncated or damaged (ends with the `remedy`), is
            no checkpoint, or holds objects of other kinds, which could run code; naming the file.
    """
    path = Path(path)
    start = _start(path)
    damage = find_damage(path) if start.startswith(_ZIP) else None
    if damage is not None:
        raise ValueError(f"{path} is truncated or damaged ({damage}): {remedy}")
    content = _safetensors(path, remedy) if _is_safetensors(start) else _torch(path, start, remedy)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__} and no weights by name")
    return dict(content)


def find_damage(path: str | Path) -> str | None:
    """What is wrong with the bytes of a file of `torch.save`; None when all of them are right.

    PyTorch writes the CRC-32 of every member of its ZIP file, and does not look at it when it
    reads. Python's reader does, and holds the two headers of each member against each other. What
    that leaves is looked at here: sizes, and the mark of a folder, which PyTorch takes for empty
    and leaves the tensor's memory as it was. Bytes that no reader uses, such as padding, are free.
    (Pickles of PyTorch before 1.6, and safetensors, have no checksums.)
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                stored = member.compress_type == zipfile.ZIP_STORED
                if stored and member.compress_size != member.file_size:
                    return f"two sizes of {member.filename}"
                if member.external_attr & _FOLDER_MARK and member.file_size:
                    return f"{member.filename} is marked as a folder"
            broken = archive.testzip()
    except Exception as error:  # damaged bytes raise whatever they happen to mean
        return first_line(error)
    return None if broken is None else f"the checksum of {broken} is wrong"


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _start(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError(f"{path} is no file")
        with path.open("rb") as file:
            return file.read(9)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _torch(path: Path, start: bytes, remedy: str) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what follows is an error or fine
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes raise whatever they happen to mean
        raise ValueError(f"{path} {_reason(error, start, remedy)}") from None


def _reason(error: Exception, start: bytes, remedy: str) -> str:
    """Why a file could not be read, beginning with a verb."""
    pickled = isinstance(error, pickle.UnpicklingError)
    found = _GLOBAL.search(str(error)) if pickled else None
    if found is not None:
        return (
            f"holds {found[1]} besides tensors and plain values: that could run code, so the file "
            "was not read and nothing in it was run; save its state dict alone where it comes from"
        )
    if not start.startswith((_ZIP, b"\x80")):
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
    return f"is truncated or damaged and cannot be read ({first}): {remedy}"


def _is_safetensors(start: bytes) -> bool:
    size = int.from_bytes(start[:8], "little")
    return start[8:9] == b"{" and 0 < size <= _HEADER


def _safetensors(path: Path, remedy: str) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        content: dict[str, torch.Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is truncated or damaged and cannot be read ({error}): {remedy}"
        ) from None
    # the file has an order of its own; layouts may need that of the network, 2 before 10
    return dict(sorted(content.items(), key=lambda item: _natural(item[0])))


def _natural(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in key.split(".")]
