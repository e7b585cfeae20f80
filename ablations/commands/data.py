"""`ablate data write`, `check` and `info`: files that hold a whole data set."""

import argparse
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ablations.files.plain_text import as_json
from datamodules.beton.file import has_manifest, read_beton
from datamodules.beton.format import JPEG
from datamodules.beton.manifest import EncodeOptions, Manifest, shown
from datamodules.config.data import DataConfig

if TYPE_CHECKING:
    from datamodules.writing.source import BetonSource


def command(options: argparse.Namespace) -> int:
    """Do what was asked."""
    actions = {"write": write, "check": check, "info": info}
    return actions[options.action](options)


def write(options: argparse.Namespace) -> int:
    """Write a data set to a file, with an estimate before and a summary after."""
    began = time.monotonic()
    from ablations.commands.data_view import shown_progress, size_text
    from datamodules.writing.encoder import estimate_size, make_encoder
    from datamodules.writing.part_file import check_target
    from datamodules.writing.source import source_config
    from datamodules.writing.writer import write_beton

    check_target(options.out, force=options.force)
    asked = EncodeOptions(
        encode=options.encode or "jpeg",
        quality=options.quality,
        jpeg_share=options.jpeg_share,
        max_side=options.max_side,
        restart=options.restart,
    )
    chosen = source_config(options.source, test_fraction=options.test_fraction)
    source = _open(chosen, options.on_error)
    if options.encode is None and source.tree is None:
        asked = replace(asked, encode="raw")
    _print_notes(source.notes)
    encoder = make_encoder(source, asked)
    workers = options.workers or _cores()
    _announce(len(source), estimate_size(encoder, workers=workers), options.out)
    with shown_progress() as progress:
        written = write_beton(
            encoder,
            options.out,
            workers=workers,
            on_error=options.on_error,
            force=options.force,
            progress=progress,
        )
    parts = ", ".join(f"{part.name} {part.size:,}" for part in written.manifest.parts)
    seconds = time.monotonic() - began
    print(f"{written.path}: {parts}; {size_text(written.size)} in {seconds:.1f} s, verified")
    _print_skipped(written.manifest)
    _print_notes(_file_notes(written.path))
    print(_how_to_read(chosen, written.path))
    return 0


def check(options: argparse.Namespace) -> int:
    """Print every problem of a file; the exit code is 1 if there is one."""
    from ablations.commands.data_view import shown_progress
    from datamodules.writing.check import Check, check_beton

    try:
        with shown_progress() as progress:
            found = check_beton(
                options.path,
                workers=options.workers or _cores(),
                report=lambda done, total, size: progress("checked", done, total, size),
            )
    except ValueError as error:
        found = Check(0, None, (str(error),))
    notes = _file_notes(options.path) if found.manifest else ()
    if options.json:
        values = {"path": str(options.path), "samples": found.samples, "problems": found.problems}
        values["notes"] = notes
        print(as_json({**values, "manifest": found.manifest is not None}))
        return 1 if found.problems else 0
    for problem in found.problems:
        print(problem)
    if found.problems:
        print(f"{options.path}: {len(found.problems)} problem(s)")
        return 1
    _print_notes(notes)
    beside = "" if found.manifest else "; it has no manifest to compare them with"
    print(f"{options.path}: all {found.samples:,} samples are fine{beside}")
    return 0


def info(options: argparse.Namespace) -> int:
    """Print what a file holds, from its front and its tables only."""
    from ablations.commands.data_view import info_lines

    values = describe(options.path)
    if options.json:
        print(as_json(values))
    else:
        for line in info_lines(values):
            print(shown(line))
    return 0


def describe(path: Path) -> dict[str, Any]:
    """What `ablate data info --json` prints.

    Keys: path, size and page_size (bytes), samples, jpeg, raw, sides (least and most pixels),
    labels (least and most), and manifest, the fields of `Manifest` or null.
    """
    beton = read_beton(path, manifest=has_manifest(path))
    jpegs = int((beton.modes == JPEG).sum())
    sides = beton.widths, beton.heights
    return {
        "path": str(path),
        "size": path.stat().st_size,
        "page_size": beton.page_size,
        "samples": len(beton),
        "jpeg": jpegs,
        "raw": len(beton) - jpegs,
        "sides": [int(min(s.min() for s in sides)), int(max(s.max() for s in sides))],
        "labels": [int(beton.labels.min()), int(beton.labels.max())],
        "manifest": asdict(beton.manifest) if beton.manifest else None,
    }


def _open(config: DataConfig, on_error: Literal["fail", "skip"]) -> "BetonSource":
    from datamodules.writing.source import open_source

    try:
        return open_source(config, on_error=on_error)
    except ValueError as error:  # it names the key of a study
        said = str(error).replace("set data.bad_images=skip", "use --on-error skip")
        said = said.replace("data.test_fraction=", "--test-fraction ")
        raise ValueError(said) from error


def _file_notes(path: Path) -> tuple[str, ...]:
    """What is odd about a whole file: test images that are trained on, a folder that changed."""
    from datamodules.catalog.freshness import beside_note
    from datamodules.sets.equal import shared_sentence
    from datamodules.writing.check import describe as describe_sample
    from datamodules.writing.shared_images import shared_samples

    beton = read_beton(path)
    assert beton.manifest is not None
    pairs = [
        " = ".join(describe_sample(beton, sample) for sample in pair)
        for pair in shared_samples(beton)
    ]
    tested = len(beton.manifest.ranges.get("test", ()))
    found = [shared_sentence(pairs, tested, path) if pairs else None]
    found.append(beside_note(path, beton.manifest))
    return tuple(note for note in found if note is not None)


def _how_to_read(config: DataConfig, path: Path) -> str:
    """Which keys of a study read the file that was written."""
    from datamodules.catalog.loader_choice import beton_path

    folder = f" data.folder={config.folder}" if config.folder else ""
    keys = f"data.name={config.name}{folder}"
    if beton_path(config).absolute() == path.absolute():
        return f"a study with {keys} reads it"
    return f"a study reads it with {keys} data.beton={path.absolute()}"


def _print_notes(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"note: {note}")


def _announce(count: int, size: int, out: Path) -> None:
    from ablations.commands.data_view import size_text

    free = shutil.disk_usage(out.parent).free
    each = size_text(size / count)
    print(f"{count:,} images, about {size_text(size)} ({each} each); {size_text(free)} are free")
    if size > free:
        raise ValueError(
            f"{out} would need about {size_text(size)}, but only {size_text(free)} are free in "
            f"{out.parent}: free some space, write elsewhere, or make it smaller with --max-side."
        )


def _print_skipped(manifest: Manifest) -> None:
    if not manifest.skipped_count:
        return
    print(f"left out {manifest.skipped_count:,} that cannot be read:")
    for file in manifest.skipped:
        print(f"  {file.name} ({file.reason})")


def _cores() -> int:
    return len(os.sched_getaffinity(0))
