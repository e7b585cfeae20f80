"""What all tests share: reasons to skip, one thread per process, repeatable property tests."""

import os

import pytest
from hypothesis import settings

# Read by torch, MKL and numba when they are first imported, here and in worker processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

DEVICES_NEEDED = {"cuda": 1, "multi_device": 2}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests whose CUDA devices are not there, and say so."""
    needs = [(item, devices_needed(item)) for item in items]
    if not any(number for _, number in needs):
        return
    import torch

    found = torch.cuda.device_count()
    for item, number in needs:
        if found < number:
            reason = f"needs {number} CUDA device(s), this machine has {found}"
            item.add_marker(pytest.mark.skip(reason=reason))


def devices_needed(item: pytest.Item) -> int:
    """The number of CUDA devices that the test's markers ask for."""
    return max(
        (n for marker, n in DEVICES_NEEDED.items() if item.get_closest_marker(marker)), default=0
    )
