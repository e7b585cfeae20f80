"""`ablate data write`: a data set or a folder of images as one file."""

import argparse
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ablations.commands.data.check import add_workers, cores, file_notes, print_notes
from ablations.files.plain_text import size_text
from datamodules.beton.manifest import EncodeOptions, Manifest
from datamodules.config.data import DataConfig

if TYPE_CHECKING:
    from datamodules.writing.source import BetonSource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate data write`."""
    parser.add_argument(
        "source",
        metavar="NAME_OR_FOLDER",
        help="a data set of `ablate list`, or a folder with train/CLASS/* and val/ or test/, or "
        "with CLASS/*",
    )
    parser.add_argument(
        "--test-fraction",
        type=float,
        metavar="SHARE",
        help="of a folder with CLASS/*: the share of every class that becomes test",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.beton")
    _add_encoding(parser)
    parser.add_argument(
        "--on-error",
        choices=["fail", "skip"],
        default="fail",
        help="an image that cannot be read: stop (default), or leave it out",
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    add_workers(parser)


def _add_encoding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--encode",
        choices=["jpeg", "raw", "mixed", "original"],
        help="original: a JPEG file's own bytes; default: jpeg, or raw for images in memory",
    )
    parser.add_argument(
        "--quality", type=int, default=90, metavar="1-100", help="of new JPEGs; default: 90"
    )
    parser.add_argument(
        "--jpeg-share", type=float, default=0.5, metavar="SHARE", help="of --encode mixed"
    )
    parser.add_argument(
        "--max-side", type=int, metavar="PIXELS", help="reduce images whose longer side is longer"
    )
    parser.add_argument(
        "--restart", action="store_true", help="JPEGs of which a part can be decoded"
    )


def command(options: argparse.Namespace) -> int:
    """Write a data set to a file, with an estimate before and a summary after."""
    began = time.monotonic()
    from ablations.commands.data.progress import shown_progress
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
    print_notes(source.notes)
    encoder = make_encoder(source, asked)
    workers = options.workers or cores()
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
    print_notes(file_notes(written.path))
    print(_how_to_read(chosen, written.path))
    return 0


def _open(config: DataConfig, on_error: Literal["fail", "skip"]) -> "BetonSource":
    from datamodules.writing.source import open_source

    try:
        return open_source(config, on_error=on_error)
    except ValueError as error:  # it names the key of a study
        said = str(error).replace("set data.bad_images=skip", "use --on-error skip")
        said = said.replace("data.test_fraction=", "--test-fraction ")
        raise ValueError(said) from error


def _how_to_read(config: DataConfig, path: Path) -> str:
    """Which keys of a study read the file that was written."""
    from datamodules.catalog.loader_choice import beton_path

    folder = f" data.folder={config.folder}" if config.folder else ""
    keys = f"data.name={config.name}{folder}"
    if beton_path(config).absolute() == path.absolute():
        return f"a study with {keys} reads it"
    return f"a study reads it with {keys} data.beton={path.absolute()}"


def _announce(count: int, size: int, out: Path) -> None:
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
