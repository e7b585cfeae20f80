"""One trained study for all tests of the room; each works on a copy."""

import shutil
from pathlib import Path

import pytest

from tests.support.robustness.small_study import trained


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study, which nobody writes to."""
    return trained(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "study"))
