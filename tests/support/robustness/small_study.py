"""A study that is really trained, in a second: two nano networks on a few digits of 16 px."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from ablations.cli import main
from ablations.robustness.results.stored import FOLDER, MANIFEST

STUDY = "small"
_FILE = """
studies:
  small:
    title: Two networks
    points: {kind: networks, networks: {ResNet: [nano_resnet], ConvNeXt: [nano_convnext]}}
    data: {name: digits, image_size: 16, train_limit: 200, val_fraction: 0.1}
    recipe: quick
    oversized_kernels: true
    seeds: [0]
    overrides: {recipe.epochs: 1, recipe.warmup_epochs: 0, hardware.accelerator: cpu}
"""


def trained(folder: Path) -> Path:
    """Train the study; the folder that has small.yaml and runs/."""
    (folder / "small.yaml").write_text(_FILE)
    assert main(["run", STUDY, *places(folder), "hardware.workers=0"]) == 0
    return folder


def places(folder: Path) -> list[str]:
    """The options that name the study file and its runs."""
    return ["--file", str(folder / "small.yaml"), "--runs", str(folder / "runs")]


def robustness(folder: Path, *words: str) -> int:
    """The exit code of `ablate robustness small WORDS`, on the CPU."""
    return main(["robustness", STUDY, *words, *places(folder), "hardware.accelerator=cpu"])


def run_folders(folder: Path) -> list[Path]:
    """Those of the runs."""
    return sorted((folder / "runs" / "all").iterdir())


def array_files(folder: Path) -> Mapping[str, bytes]:
    """The files of answers and of lists of images, by run and name."""
    found = {
        f"{run.name}/{path.relative_to(run)}": path.read_bytes()
        for run in run_folders(folder)
        for path in sorted((run / FOLDER).rglob("*.npz"))
    }
    assert found
    return found


def lines(folder: Path) -> int:
    """How many answers the manifests name."""
    manifests = [run / FOLDER / MANIFEST for run in run_folders(folder)]
    return sum(path.read_bytes().count(b"\n") for path in manifests if path.exists())


@contextmanager
def in_a_process(folder: Path, *words: str) -> Iterator[BaseProcess]:
    """`robustness` in another process, for the length of the block."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_quiet, args=(folder, *words))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _quiet(folder: Path, *words: str) -> None:
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)
        robustness(folder, *words)


def kill_when(process: BaseProcess, folder: Path, *, answers: int) -> None:
    """Kill a process as soon as so many answers are there, at whatever it does."""
    deadline = time.monotonic() + 60
    while lines(folder) < answers:
        assert process.is_alive(), "it was over before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
