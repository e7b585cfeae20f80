"""The most memory that this process has used: resident on the CPU, PyTorch's on a GPU."""

from contextlib import suppress
from pathlib import Path


def forget_peak(device: str) -> None:
    """Start anew from what is in use now."""
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError):  # some containers refuse; the largest so far then stays
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: str) -> int:
    """Bytes: of tensors on the GPU, or of the whole process where it runs on the CPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])
