"""`ablate data info`: what a file holds and where it comes from."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ablations.commands.parsing import add_json
from ablations.files.plain_text import as_json, size_text
from datamodules.beton.file import has_manifest, read_beton
from datamodules.beton.format import JPEG
from datamodules.beton.manifest import shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate data info`."""
    parser.add_argument("path", type=Path, metavar="FILE")
    add_json(parser, instead_of="text")


def command(options: argparse.Namespace) -> int:
    """Print what a file holds, from its front and its tables only."""
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
