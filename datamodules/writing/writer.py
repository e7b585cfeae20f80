"""Writes a beton: FFCV's own writer hangs for ever on the first image that it cannot encode."""

from __future__ import annotations

import errno
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import features

from datamodules.beton.file import read_beton
from datamodules.beton.manifest import SKIPPED_KEPT, BetonPart, Manifest, Skipped, shown
from datamodules.writing.check import read_content
from datamodules.writing.encode import Encoded
from datamodules.writing.encoder import Encoder
from datamodules.writing.ordered_threads import in_order
from datamodules.writing.part_file import new_file, part_name
from datamodules.writing.samples import SampleWriter
from datamodules.writing.source import BetonSource

# Called with the stage (written, verified), the samples done and those of the whole, and bytes.
Progress = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class Written:
    """What became of a source."""

    path: Path
    manifest: Manifest
    size: int  # bytes


@dataclass
class _Tally:
    """What is known of the images so far, in their order."""

    kept: NDArray[np.bool_]
    skipped: list[Skipped]
    moments: list[NDArray[np.float64]] = field(default_factory=list)


def write_beton(
    encoder: Encoder,
    out: str | Path,
    *,
    workers: int,
    on_error: Literal["fail", "skip"] = "fail",
    force: bool = False,
    progress: Progress = lambda stage, done, total, size: None,
    say: Callable[[str], None] = print,
) -> Written:
    """Write all images of a source; `out` appears when it is complete and was read back.

    Args:
        encoder: of the source, see `datamodules.writing.encoder.make_encoder`.
        out: a name that ends in .beton; beside it stands .OUT.part until then.
        workers: threads.
        on_error: stop at an image that cannot be read, or leave it out.
        force: replace `out` if it is there.
        progress: called after every sample.
        say: called with what a user should know.

    Raises:
        ValueError: an image cannot be read, the source changed meanwhile, a class lost all of its
            images, the disk is full, or `out` is taken. Nothing is left behind.
    """
    out = Path(out)
    try:
        with new_file(out, force=force, say=say) as file:
            manifest = _write(file, encoder, workers=workers, on_error=on_error, progress=progress)
            file.flush()
            _verify(part_name(out), manifest, progress)
            size = part_name(out).stat().st_size
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = " Free some space, write elsewhere, or make it smaller with --max-side."
        raise ValueError(
            f"{out} cannot be written ({error.strerror or error}); nothing is left of it."
            + (advice if full else "")
        ) from error
    return Written(out, manifest, size)


def _write(
    file: BinaryIO,
    encoder: Encoder,
    *,
    workers: int,
    on_error: Literal["fail", "skip"],
    progress: Progress,
) -> Manifest:
    source = encoder.source
    total = len(source)
    writer = SampleWriter(file, total)
    tally = _Tally(np.zeros(total, bool), list(source.left_out))
    with closing(in_order(encoder, total, workers=workers)) as samples:
        for index, sample in enumerate(samples):
            if isinstance(sample, Encoded):
                writer.append(sample, int(source.labels[index]))
                tally.kept[index] = True
                if sample.moments is not None:
                    tally.moments.append(sample.moments)
            elif on_error == "skip":
                tally.skipped.append(Skipped(source.describe(index), sample.reason))
            else:
                raise ValueError(
                    f"The image {source.describe(index)} cannot be read ({sample.reason}). Replace "
                    "or remove it, or leave such images out with --on-error skip."
                )
            progress("written", index + 1, total, writer.offset)
    _check_unchanged(source, tally.skipped)
    manifest = _manifest(encoder, tally, writer)
    writer.finish(manifest)
    return manifest


def _check_unchanged(source: BetonSource, skipped: Sequence[Skipped]) -> None:
    what = source.changed(besides={file.name for file in skipped})
    if what is not None:
        assert source.tree is not None
        raise ValueError(
            f"{source.tree.tree} changed while it was written: {what}. Write it again when nothing "
            "else uses the folder."
        )


def _manifest(encoder: Encoder, tally: _Tally, writer: SampleWriter) -> Manifest:
    source = encoder.source
    parts = tuple(_parts(source, tally.kept))
    if not tally.moments:
        raise ValueError("None of the training images that were measured can be read.")
    mean, second = np.mean(tally.moments, axis=0)
    image = writer.rows["f0"][: writer.count]
    return Manifest(
        name=source.name,
        parts=parts,
        class_names=source.class_names,
        mean=tuple(mean.tolist()),
        std=tuple(np.sqrt(np.maximum(second - mean**2, 0)).tolist()),
        measured=len(tally.moments),
        min_side=int(min(image["width"].min(), image["height"].min())),
        max_side=int(max(image["width"].max(), image["height"].max())),
        options=encoder.options,
        fingerprint=source.fingerprint(),
        newest=source.tree.newest if source.tree else None,
        test_fraction=source.tree.test_fraction if source.tree else None,
        content=writer.content(parts, source.class_names),
        skipped=tuple(tally.skipped[:SKIPPED_KEPT]),
        skipped_count=len(tally.skipped),
        versions=_versions(),
    )


def _parts(source: BetonSource, kept: NDArray[np.bool_]) -> Iterator[BetonPart]:
    classes = len(source.class_names)
    for number, (name, _) in enumerate(source.parts):
        span = slice(*source.bounds[number : number + 2])
        labels = source.labels[span]
        before, after = (
            np.bincount(some, minlength=classes) for some in (labels, labels[kept[span]])
        )
        if ((before > 0) & (after == 0)).any():
            lost = shown(source.class_names[int(np.argmax((before > 0) & (after == 0)))])
            raise ValueError(f"No image of the class {lost} in {name} can be read.")
        yield BetonPart(name, tuple(after.tolist()))


def _verify(part: Path, manifest: Manifest, progress: Progress) -> None:
    found = read_content(read_beton(part), partial(progress, "verified"))
    if found != manifest.content:
        raise ValueError(f"{part} does not read back as it was written: the disk may be failing.")


def _versions() -> dict[str, str]:
    try:
        project = metadata.version("architecture-ablations")
    except metadata.PackageNotFoundError:
        project = "unknown"
    jpeg = features.version_feature("libjpeg_turbo") or features.version("jpg")
    return {
        "architecture-ablations": project,
        "python": platform.python_version(),
        "pillow": metadata.version("pillow"),
        "libjpeg-turbo": str(jpeg),
        "numpy": np.__version__,
    }
