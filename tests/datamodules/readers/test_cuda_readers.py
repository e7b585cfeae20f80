"""Batches that go to a GPU: the same as on the CPU, and valid after the reader has gone on."""

from pathlib import Path

import pytest
import torch

from tests.support.images.loaders import CASES, build, make_case, write_both


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_both(tmp_path_factory.mktemp("data"))


@pytest.mark.cuda
@pytest.mark.parametrize("name", CASES)
def test_batches_on_a_gpu_are_those_of_the_cpu(
    name: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(name, tree)
    expected = list(build(case).train_dataloader())
    module = build(case)
    monkeypatch.setattr(module, "_device", lambda: torch.device("cuda"))
    found = list(module.train_dataloader())  # all of them before any is looked at
    assert len(found) == len(expected) > 1
    for (images, labels), (wanted, targets) in zip(found, expected, strict=True):
        assert images.device.type == labels.device.type == "cuda"
        assert torch.equal(labels.cpu(), targets)
        # a rounding of a rotated pixel is one grey level, about 0.02 after normalisation
        assert (images.cpu() - wanted).abs().mean() < 1e-3
