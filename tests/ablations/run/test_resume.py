"""A run that is killed, at any point, and started again ends as if nothing had happened."""

import io
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ablations.run.checkpoint import read_checkpoint
from ablations.run.recorder import CHECKPOINT
from ablations.store.runs import RunFolder
from tests.support.run_folders import (
    AUGMENTED,
    CONVNEXT,
    NO_BATCH_NORM,
    RECIPES,
    RESNET,
    beton_data,
    in_worker,
    make_run,
    results,
    same,
)

SPECS = {"resnet": RESNET, "no_batch_norm": NO_BATCH_NORM, "convnext": CONVNEXT}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train(folder: Path) -> None:
    from ablations.run.train import train_run

    train_run(folder)


def train_until_call(folder: Path, number: int) -> None:
    """Train, and die at the `number`th Python function call after the first epoch's checkpoint."""
    counted = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        del frame, argument
        nonlocal counted
        counted += event == "call"
        if counted == number:
            die()

    after_first_checkpoint(lambda: sys.setprofile(count))
    train(folder)


def train_until_half_saved(folder: Path) -> None:
    """Train, and die when half of the second checkpoint's bytes are in its file."""
    import torch

    save = torch.save

    def half(content: Any, file: Any) -> None:
        whole = io.BytesIO()
        save(content, whole)
        file.write(whole.getvalue()[: whole.tell() // 2])
        file.flush()
        die()

    after_first_checkpoint(lambda: setattr(torch, "save", half))
    train(folder)


def train_until_renamed(folder: Path) -> None:
    """Train, and die right after the second checkpoint, before the other files know of it."""
    after_first_checkpoint(lambda: after_first_checkpoint(die))
    train(folder)


def train_until_summary(folder: Path) -> None:
    """Train all epochs, and die before the summary."""
    import ablations.run.train

    vars(ablations.run.train)["summarise"] = lambda *_: die()
    train(folder)


def after_first_checkpoint(action: Callable[[], object]) -> None:
    """Have `action` called once, right after the next checkpoint is in its place."""
    from ablations.run.checkpoint import RunCheckpointIO

    save = RunCheckpointIO.save_checkpoint

    def once(self: RunCheckpointIO, *arguments: Any, **named: Any) -> None:
        save(self, *arguments, **named)
        RunCheckpointIO.save_checkpoint = save  # type: ignore[method-assign]
        action()

    RunCheckpointIO.save_checkpoint = once  # type: ignore[method-assign]


def kill_and_resume(folder: Path, target: Callable[..., None], *arguments: Any) -> dict[str, Any]:
    """The results of a run whose first worker died of SIGKILL in `target`."""
    first = in_worker(target, folder, *arguments)
    first.join()
    assert first.exitcode == -signal.SIGKILL
    assert RunFolder(folder).state() == "failed"  # it died without a word
    finish(folder)
    return results(folder)


def finish(folder: Path) -> None:
    """Train to the end in a new process."""
    process = in_worker(train, folder)
    process.join()
    assert process.exitcode == 0
    assert RunFolder(folder).state() == "done"


@pytest.mark.parametrize("recipe", RECIPES)
def test_killed_anywhere_and_resumed_is_bit_identical(recipe: str, tmp_path: Path) -> None:
    draw = random.Random(recipe)
    spec = draw.choice(list(SPECS.values()))
    finish(make_run(tmp_path / "whole", RECIPES[recipe], spec=spec))
    # what follows the first epoch makes over 120,000 calls; each recipe dies in another place
    number = draw.randrange(500, 80_000)
    folder = make_run(tmp_path / "killed", RECIPES[recipe], spec=spec)
    assert same(kill_and_resume(folder, train_until_call, number), results(tmp_path / "whole"))


def test_killed_while_ffcv_reads_and_resumed_is_bit_identical(tmp_path: Path) -> None:
    data = beton_data(tmp_path)
    finish(make_run(tmp_path / "whole", AUGMENTED, data=data))
    folder = make_run(tmp_path / "killed", AUGMENTED, data=data)
    resumed = kill_and_resume(folder, train_until_call, 20_000)
    assert same(resumed, results(tmp_path / "whole"))
    sessions = (RunFolder(folder).provenance() or {})["sessions"]
    assert [f"from {tmp_path}/tree.beton" in session["reading"] for session in sessions] == [
        True
    ] * 2


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("whole") / "run", RECIPES["ema"])
    finish(folder)
    return folder


@pytest.mark.parametrize(
    "target", [train_until_half_saved, train_until_renamed, train_until_summary]
)
def test_killed_around_the_checkpoint(
    target: Callable[[Path], None], whole: Path, tmp_path: Path
) -> None:
    folder = make_run(tmp_path / "run", RECIPES["ema"])
    assert same(kill_and_resume(folder, target), results(whole))
    assert not list(folder.rglob("*.tmp"))


def test_killed_twice_at_seeded_moments(whole: Path, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", RECIPES["ema"])
    draw = random.Random(7)
    for _ in range(2):
        in_worker(train_until_call, folder, draw.randrange(1, 40_000)).join()
    finish(folder)
    assert same(results(folder), results(whole))


def test_the_comparison_sees_one_bit(whole: Path) -> None:
    ours, other = results(whole), results(whole)
    name = next(iter(other["weights"]))
    other["weights"][name].view(-1).view(dtype=other["weights"][name].dtype)[0] += 1e-7
    assert not same(ours, other)
    assert any(name.startswith("ema.") for name in ours["weights"])


def test_resumed_events_have_every_point_once(whole: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = make_run(tmp_path / "run", RECIPES["ema"])
    kill_and_resume(folder, train_until_renamed)
    for path in (whole, folder):
        events = EventAccumulator(str(path / "tensorboard"), purge_orphaned_data=False)
        events.Reload()
        rows = RunFolder(path).metrics()
        for x, tag in (("epoch", "val_ema/top1"), ("images_seen", "images_seen/val_ema/top1")):
            points = [(event.step, event.value) for event in events.Scalars(tag)]
            expected = [(row[x], pytest.approx(row["val_ema/top1"])) for row in rows]
            assert points == expected


def test_checkpoint_is_plain(whole: Path) -> None:
    content = read_checkpoint(whole / CHECKPOINT)  # weights_only: anything but plain data raises
    assert plain(content["hyper_parameters"])
    assert plain(content["callbacks"])


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    return value is None or type(value) in (str, int, float, bool)
