"""How `ablate data` shows its work: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich import progress
from rich.console import Console

from datamodules.writing.writer import Progress

_EVERY = 10.0  # seconds between two plain lines


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """What a writer or checker calls after every sample."""
    console = Console()
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[size]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left:"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console) as bars:
        yield _Bars(bars)


class _Bars:
    """One bar a stage, drawn by rich a few times a second."""

    def __init__(self, bars: progress.Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, progress.TaskID] = {}
        self._drawn = 0.0

    def __call__(self, stage: str, done: int, total: int, size: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, size="")
        now = time.monotonic()
        if done == total or now - self._drawn > 0.1:
            self._drawn = now
            self._bars.update(self._tasks[stage], completed=done, size=size_text(size))


class _Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self._stage, self._began, self._printed = "", 0.0, 0.0

    def __call__(self, stage: str, done: int, total: int, size: int) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._printed = stage, now, now
        if now - self._printed < _EVERY:
            return
        self._printed = now
        left = (now - self._began) / done * (total - done)
        print(
            f"{stage} {done:,} of {total:,}, {size_text(size)}, about {left:.0f} s left", flush=True
        )


def size_text(size: float) -> str:
    """Bytes for people, in powers of 1000 as disks are sold."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def info_lines(values: Mapping[str, Any]) -> Iterator[str]:
    """`ablate data info` as text, from what `--json` prints."""
    yield f"{values['path']}  {size_text(values['size'])}, {values['samples']:,} samples"
    low, high = values["sides"]
    yield f"  images    {values['jpeg']:,} JPEG, {values['raw']:,} raw; sides {low} to {high}"
    yield f"  pages     {size_text(values['page_size'])}"
    manifest = values["manifest"]
    if manifest is None:
        yield f"  labels    {values['labels'][0]} to {values['labels'][1]}"
        yield "  no manifest: it was not written by `ablate data write`"
        return
    yield f"  data set  {manifest['name']}, {len(manifest['class_names'])} classes: " + _some(
        manifest["class_names"]
    )
    if manifest["test_fraction"] is not None:
        share = 100 * manifest["test_fraction"]
        yield f"  split     a fixed {share:g} %, the same share of every class, is test"
    for part in manifest["parts"]:
        counts = part["class_counts"]
        spread = f"{min(counts)} to {max(counts)} of a class"
        yield f"  {part['name']:9} {sum(counts):,} samples, {spread}"
    for name in ("mean", "std"):
        yield f"  {name:9} {', '.join(f'{value:.4f}' for value in manifest[name])}"
    yield f"  encoding  {_encoding(manifest['options'])}"
    yield f"  skipped   {manifest['skipped_count']:,}"
    yield from (f"    {file['name']} ({file['reason']})" for file in manifest["skipped"])
    yield f"  source    sha256 {manifest['fingerprint']}"
    yield f"  content   sha256 {manifest['content']}"
    versions = (f"{name} {version}" for name, version in manifest["versions"].items())
    yield f"  versions  {', '.join(versions)}"


def _encoding(options: Mapping[str, Any]) -> str:
    jpeg = f"JPEG of quality {options['quality']}"
    said = {
        "raw": "raw pixels",
        "jpeg": jpeg,
        "mixed": f"{jpeg} for {100 * options['jpeg_share']:g} % of the images, else raw pixels",
        "original": f"original bytes of JPEG files, {jpeg} for others",
    }[options["encode"]]
    if options["max_side"] is not None:
        said += f"; longer side at most {options['max_side']}"
    return said + ("; restart markers" if options["restart"] else "")


def _some(names: list[str]) -> str:
    rest = len(names) - 10
    return ", ".join(names[:10]) + (f" and {rest} more" if rest > 0 else "")
