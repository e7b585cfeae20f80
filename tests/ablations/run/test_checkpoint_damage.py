"""No damaged file of weights is read as if it were whole, and a run goes on from what is sound."""

import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations.run.checkpoint import DAMAGED, PREVIOUS, read_checkpoint, write_checkpoint
from ablations.run.recorder import CHECKPOINT, RunRecorder
from ablations.run.train import train_run
from ablations.store.runs import RunFolder
from lit_models.training.initial_weights import read_start
from lit_models.weights.checkpoints import load_network
from lit_models.weights.tensor_files import read_tensors
from tests.support.run_folders import RECIPES, make_run, results, same, status

RECIPE = RECIPES["ema"]
ENTRY = b"PK\x01\x02"  # what each member's entry in the directory of a ZIP file begins with


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def break_weights(path: Path) -> None:
    """Change bytes in the middle, where tensors lie: more than the padding between two."""
    content = bytearray(path.read_bytes())
    middle = slice(len(content) // 2, len(content) // 2 + 256)
    content[middle] = bytes(255 - byte for byte in content[middle])
    path.write_bytes(content)


def test_no_flipped_bit_is_read_as_something_else(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    whole = {"state_dict": {"a": torch.randn(9), "b": torch.arange(5)}, "epoch": 3, "lr": [0.1]}
    write_checkpoint(whole, path)
    content = path.read_bytes()
    entries = [i for i in range(len(content)) if content.startswith(ENTRY, i)]
    assert len(entries) > 4
    # the 32 bits of attributes of each member, which no checksum covers, and any others
    bits = [8 * (entry + 38) + bit for entry in entries for bit in range(32)]
    bits += random.Random(0).sample(range(8 * len(content)), 300)
    wrong, refused = [], 0
    for bit in bits:
        flip(path, bit)
        try:
            if not same(read_tensors(path), whole):
                wrong.append(bit)
        except ValueError as error:
            refused += str(path) in str(error)
        path.write_bytes(content)
    assert wrong == []
    assert refused > 150


class StopError(Exception):
    """What ends the runs below."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("whole") / "run", RECIPE)
    train_run(folder)
    return folder


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that stopped after two of its three epochs."""
    folder = make_run(tmp_path / "run", RECIPE)
    end = RunRecorder.on_train_epoch_end

    def end_and_stop(self: RunRecorder, *arguments: Any) -> None:
        end(self, *arguments)
        if len(self.rows) == 2:
            raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_train_epoch_end", end_and_stop)
        with pytest.raises(StopError):
            train_run(folder)
    return folder


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        ([CHECKPOINT], "damaged: last.ckpt ("),
        ([CHECKPOINT], "; the run goes on after epoch 1"),
        ([CHECKPOINT, f"checkpoints/{PREVIOUS}"], "; the run starts from the beginning"),
    ],
)
def test_a_run_goes_on_from_what_is_sound_and_says_so(
    damaged: list[str],
    words: str,
    stopped: Path,
    whole: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in damaged:
        break_weights(stopped / name)
    newest = (stopped / CHECKPOINT).read_bytes()
    train_run(stopped)
    assert same(results(stopped), results(whole))
    assert words in status(stopped)["message"]
    assert words in capsys.readouterr().out
    assert RunFolder(stopped).health() == ("done", status(stopped)["message"])
    assert (stopped / CHECKPOINT).with_name(DAMAGED).read_bytes() == newest


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_checkpoint_is_damaged(share: float, stopped: Path) -> None:
    content = (stopped / CHECKPOINT).read_bytes()
    (stopped / CHECKPOINT).write_bytes(content[: int(len(content) * share)])
    train_run(stopped)
    assert "last.ckpt (File is not a zip file); the run goes on" in status(stopped)["message"]


def test_two_checkpoints_are_kept_while_a_run_trains_and_one_after(
    stopped: Path, whole: Path
) -> None:
    folder = (stopped / CHECKPOINT).parent
    assert sorted(path.name for path in folder.iterdir()) == ["last.ckpt", PREVIOUS]
    assert [read_checkpoint(folder / name)["epoch"] for name in (PREVIOUS, "last.ckpt")] == [0, 1]
    train_run(stopped)
    assert [path.name for path in folder.iterdir()] == ["last.ckpt"]
    assert status(stopped)["message"] is None
    assert same(results(stopped), results(whole))


def test_a_run_is_not_done_with_a_damaged_last_checkpoint(
    stopped: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = RunRecorder.on_train_epoch_end

    def end_and_break(self: RunRecorder, *arguments: Any) -> None:
        end(self, *arguments)
        break_weights(stopped / CHECKPOINT)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_train_epoch_end", end_and_break)
        with pytest.raises(ValueError, match=r"last.ckpt is damaged .*`ablate run` again"):
            train_run(stopped)
    assert RunFolder(stopped).state() == "failed"
    train_run(stopped)
    assert same(results(stopped), results(whole))


@pytest.mark.parametrize("read", [read_checkpoint, load_network, lambda p: read_start(str(p))])
def test_every_reader_of_weights_refuses_a_damaged_file(
    read: Any, whole: Path, tmp_path: Path
) -> None:
    path = tmp_path / "copy.ckpt"
    path.write_bytes((whole / CHECKPOINT).read_bytes())
    read(path)
    break_weights(path)
    with pytest.raises(ValueError, match=r"copy\.ckpt is truncated or damaged \("):
        read(path)


def test_what_comes_back_otherwise_takes_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    write_checkpoint({"state_dict": {}, "epoch": 0}, path)
    fsync = os.fsync

    def lose(handle: int) -> None:
        os.pwrite(handle, b"\xff" * 8, os.fstat(handle).st_size // 2)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", lose)
    with pytest.raises(OSError, match=r"other bytes come back than were written.*last\.ckpt"):
        write_checkpoint({"state_dict": {}, "epoch": 1}, path, previous=tmp_path / PREVIOUS)
    assert read_checkpoint(path)["epoch"] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_checkpoints_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path, previous = tmp_path / "last.ckpt", tmp_path / PREVIOUS
    for epoch in range(3):
        write_checkpoint({"state_dict": {}, "epoch": epoch}, path, previous=previous)
    assert [read_checkpoint(p)["epoch"] for p in (previous, path)] == [1, 2]


def test_a_link_is_neither_read_nor_written_through(stopped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    last = stopped / CHECKPOINT
    last.with_suffix(".tmp").symlink_to(mine)
    write_checkpoint(read_checkpoint(last), last)
    assert mine.read_text() == "mine"
    last.unlink()
    last.symlink_to(mine)
    with pytest.raises(OSError, match=r"it is a link.*last\.ckpt"):
        train_run(stopped)
    assert last.is_symlink()
