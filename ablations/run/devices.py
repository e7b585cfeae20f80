"""Which devices a run trains on, checked before anything is written."""

import os
from dataclasses import dataclass
from typing import Literal

import torch

from ablations.studies.config import Hardware
from lit_models.recipe.config import Precision

Kind = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Devices:
    """`count` devices of one kind; `rank` is this process's place among them."""

    kind: Kind
    count: int
    rank: int


def resolve_devices(
    hardware: Hardware, *, precision: Precision, sync_batch_norm: bool = False
) -> Devices:
    """The devices that the hardware section asks for.

    Raises ValueError, naming the key, for one that is not there, or a precision that it lacks.
    """
    kind = _kind(hardware)
    available = {"cuda": torch.cuda.device_count(), "mps": 1}.get(kind)
    if available is not None and hardware.devices > available:
        raise ValueError(
            f"hardware.devices is {hardware.devices}, but this process sees {available} {kind} "
            f"device(s): set hardware.devices to at most {available}"
        )
    if kind == "cpu" and precision.startswith("16"):
        raise ValueError(
            f"recipe.precision is {precision}, but a CPU trains in 32-true, bf16-mixed or bf16-true"
        )
    if kind == "cpu" and hardware.devices > 1 and sync_batch_norm:
        raise ValueError(
            "recipe.sync_batch_norm is true, which PyTorch has for GPUs only: train on one CPU "
            "device (hardware.devices=1), or leave it out"
        )
    # Lightning starts the command again for the other ranks, with this variable
    rank = int(os.environ.get("LOCAL_RANK", "0")) if hardware.devices > 1 else 0
    return Devices(kind, hardware.devices, rank)


def _kind(hardware: Hardware) -> Kind:
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    asked = hardware.accelerator
    if (asked == "gpu" and not has_cuda) or (asked == "mps" and not has_mps):
        raise ValueError(
            f"hardware.accelerator is {asked}, but PyTorch finds no such device here: set it to "
            "cpu or auto, or check the driver and CUDA_VISIBLE_DEVICES"
        )
    if asked == "auto":
        return "cuda" if has_cuda else "cpu"
    return "cuda" if asked == "gpu" else asked
