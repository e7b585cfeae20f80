"""`ablate export`: the network of a run or a checkpoint, for use elsewhere, with merged weights."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.commands.parsing import add_places
from ablations.evaluation.subject import Subject, find_subject
from ablations.extensions.loading import EXTENSIONS
from ablations.planning.normal_form import SCHEMA_VERSION
from ablations.store.runs import RunFolder, runs_root
from datamodules.catalog.resolved import placed, resolve
from datamodules.config.data import DataConfig, expanded
from lit_models.primitives.primitive import PRIMITIVES

FORMATS = ("onnx", "timm", "torch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate export`."""
    parser.add_argument(
        "run", metavar="RUN", help="a run id, the start of one, STUDY/POINT/SEED, or a checkpoint"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        help="torch: spec and state dict; timm: weights for timm.create_model; onnx: needs [onnx]",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: RUN with its suffix")
    parser.add_argument("--ema", action="store_true", help="the averaged weights, not the raw ones")
    parser.add_argument("--force", action="store_true", help="replace FILE where it is there")
    add_places(parser)


def command(options: argparse.Namespace) -> int:
    """Write the network, read it back, and say what was written and how to load it."""
    subject = find_subject(options.run, root=runs_root(options.runs), file=options.file)
    check(subject, by_path=expanded(options.run, key="RUN").is_file())
    from ablations.export.write import export

    name = str(subject.config.get("run_id", subject.path.stem))
    written = export(
        subject.path,
        options.out,
        name=f"{name}-ema" if options.ema else name,
        form=options.format,
        ema=options.ema,
        images=images_of(subject.config),
        force=options.force,
    )
    if subject.reason is not None:
        print(subject.reason)
    print(written.sentence)
    print(f"load it with: {_own_code(subject, options.format)}{written.load}")
    return 0


def _own_code(subject: Subject, form: str) -> str:
    """Executes the files that the network's primitives are from; a graph of onnx holds them."""
    used = {} if form == "onnx" else subject.config.get("extensions", {})
    files = [
        str(EXTENSIONS[sha256].source.path)  # executed here when the run was found
        for sha256, entry in used.items()
        if any(name.startswith(f"{PRIMITIVES.kind} ") for name in entry["names"])
    ]
    calls = "".join(f"use({file!r}); " for file in files)
    return f"from ablations.extend import use; {calls}" if files else ""


def check(subject: Subject, *, by_path: bool) -> None:
    """Refuse a run that another version wrote, or that is not over and was not named by its path.

    Raises ValueError with what to do about it.
    """
    if "run_id" not in subject.config:  # no run: imported, or moved away
        return
    folder = subject.path.parent.parent
    schema, state = subject.config.get("schema"), RunFolder(folder).state()
    if schema != SCHEMA_VERSION:
        raise ValueError(
            f"{folder} was written by another version of this project (schema {schema}, here "
            f"{SCHEMA_VERSION}): export it with that version, or train the run again"
        )
    if state != "done" and not by_path:
        raise ValueError(
            f"run {folder.name} is {state}, not done: `ablate run` its study finishes it; to "
            f"export it as it is, give the path {subject.path}"
        )


def images_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's network saw: side in px and normalisation; nothing where that is not known.

    Raises ValueError when another version of this project wrote the configuration.
    """
    if "data" not in config:
        return {}
    try:
        data = resolve(placed(DataConfig(**config["data"]), config))
    except TypeError as error:
        raise ValueError(
            f"the run was written by another version of this project: its data has other keys "
            f"({error})"
        ) from None
    mean, std = list(data.info.mean), list(data.info.std)
    return {"image_size": data.eval_size, "mean": mean, "std": std}
