"""Tests that need devices skip with a reason where the devices are not there, and run elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.project import PROJECT

TESTS = """
import pytest

@pytest.mark.cuda
def test_one() -> None: ...

@pytest.mark.multi_device
def test_two() -> None: ...

def test_none() -> None: ...
"""


def test_tests_without_their_devices_skip_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "test_devices.py"
    path.write_text(TESTS)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", str(path)],
        cwd=PROJECT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1 passed, 2 skipped" in result.stdout
    assert "needs 1 CUDA device(s), this machine has 0" in result.stdout
    assert "needs 2 CUDA device(s), this machine has 0" in result.stdout


def test_an_unknown_marker_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "test_devices.py"
    path.write_text(TESTS.replace("mark.cuda", "mark.gpu"))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", str(path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "'gpu' not found in `markers`" in result.stdout
