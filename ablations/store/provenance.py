"""Where a run's numbers come from: code, versions, hardware, command and times of every session.

A session is one start of a worker; an interrupted run has several, perhaps under different code.
"""

import hashlib
import os
import platform
import socket
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ablations.store.runs import PROVENANCE, RunFolder, write_json_atomic

PROJECT = "architecture-ablations"
PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "timm",
    "torchmetrics",
    "numpy",
    "scikit-learn",
    "ffcv",
)


def now() -> str:
    """The time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_session(
    run: RunFolder, *, seed: int, device: str, devices: int, reading: str | None = None
) -> None:
    """Append this process to the run's provenance file; `reading`: what reads the images."""
    earlier = run.provenance() or {}
    session = {
        "started": now(),
        "command": sys.argv,
        "folder": str(Path.cwd()),
        "git": git_state(),
        "versions": versions(),
        "hardware": hardware(device, devices),
        "reading": reading,
    }
    sessions = [*earlier.get("sessions", []), session]
    write_json_atomic(run.path / PROVENANCE, {"seed": seed, "sessions": sessions})


@cache
def git_state() -> dict[str, Any] | None:
    """Commit of this code and a hash of its uncommitted changes; None outside a git checkout.

    Read once a process: later edits do not change the code that is already loaded. Code that was
    installed into an environment inside another repository is not of that repository's commit.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    diff = _git("diff", "HEAD") or b""
    digest = hashlib.sha256(diff).hexdigest() if diff else None
    return {"commit": commit.decode().strip(), "diff_sha256": digest}


def project_version() -> str:
    """The version of this project: as pyproject.toml says in a checkout, else as installed."""
    try:
        declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
        return str(declared["project"]["version"])
    except (OSError, KeyError, ValueError):
        return _version(PROJECT) or "unknown"


@cache
def versions() -> dict[str, str | None]:
    """Python's and the libraries' versions; None for one that is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def hardware(device: str, devices: int) -> dict[str, Any]:
    """Machine, CPU, threads, and the devices that train (`device` is cpu, cuda or mps)."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(devices)] if device == "cuda" else []
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "devices": devices,
        "gpus": gpus,
    }


def _git(*arguments: str) -> bytes | None:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
