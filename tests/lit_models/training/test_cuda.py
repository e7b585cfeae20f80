"""Runs on a GPU: every way of computing trains to the end, and memory is measured on the device."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations.run.train import train_run
from ablations.store.runs import RunFolder
from ablations.studies.config import Hardware
from tests.support.run_folders import CONVNEXT, RECIPES, make_run

WAYS: dict[str, dict[str, Any]] = {
    "float32": {},
    "bf16": {"precision": "bf16-mixed", "channels_last": True},
    "fp16": {"precision": "16-mixed", "gradient_clip": 1.0},
    "compiled": {"precision": "bf16-mixed", "compile": True},
}


@pytest.mark.cuda
@pytest.mark.parametrize("way", WAYS)
def test_a_run_on_a_gpu(way: str, tmp_path: Path) -> None:
    recipe = replace(RECIPES["ema"], mixup=0.8, cutmix=1.0, **WAYS[way])
    hardware = Hardware(accelerator="gpu", num_workers=0)
    folder = make_run(tmp_path / "run", recipe, spec=CONVNEXT, hardware=hardware)
    train_run(folder)
    run = RunFolder(folder)
    summary, provenance = run.summary(), run.provenance()
    assert run.state() == "done"
    assert summary is not None
    assert provenance is not None
    assert 0 < summary["peak_memory_mb"] < 1000  # the process itself is larger
    assert provenance["sessions"][0]["hardware"]["gpus"]


@pytest.mark.multi_device
def test_a_run_on_two_gpus(tmp_path: Path) -> None:
    hardware = Hardware(accelerator="gpu", devices=2, num_workers=0)
    folder = make_run(tmp_path / "run", RECIPES["ema"], hardware=hardware)
    command = [sys.executable, "-m", "ablations", "exec-run", str(folder)]
    assert subprocess.run(command, check=False, timeout=300).returncode == 0
    assert RunFolder(folder).state() == "done"
