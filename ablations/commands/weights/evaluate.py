"""`ablate evaluate`: the scores of a checkpoint on a data set."""

import argparse
from collections.abc import Mapping
from typing import Any

from ablations.commands.parsing import add_json, add_overrides, add_places
from ablations.evaluation.config import evaluation_config
from ablations.evaluation.subject import find_subject
from ablations.files.plain_text import as_json
from ablations.store.runs import CONFIG, runs_root
from datamodules.catalog.catalog import title
from datamodules.catalog.resolved import content, resolve
from datamodules.config.data import DataConfig

_OVERRIDES = (
    "any key of data and hardware, and recipe.{batch_size,precision,channels_last,flip_test,"
    "augment.interpolation}, such as data.eval_size=288"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate evaluate`."""
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="of `ablate import` or of a run, the folder of a run, its id, or STUDY/POINT/SEED",
    )
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help="a data set of `ablate list`; default: that of the run",
    )
    add_overrides(parser, text=_OVERRIDES)
    parser.add_argument(
        "--split", choices=["test", "val"], default="test", help="which images; default: test"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the scores in the folder of the run, for the next `ablate report`",
    )
    add_places(parser)
    add_json(parser, instead_of="text")


def command(options: argparse.Namespace) -> int:
    """Print the scores.

    `--json` prints one object: checkpoint, run_id (null for what no run wrote), data, split,
    images, image_size, top1, top5 and balanced_accuracy (percent; top5 is null with five classes or
    fewer), loss, and ema (null, or the same of the averaged weights).
    """
    from ablations.evaluation.analysis import EVALUATION, EvaluationSettings
    from datamodules.sets.sources import noted

    name, overrides = options.data, list(options.overrides)
    if name is not None and "=" in name:  # no data set: the first override
        name, overrides = None, [name, *overrides]
    subject = find_subject(options.checkpoint, root=runs_root(options.runs), file=options.file)
    source = str(subject.path.parent.parent / CONFIG)
    config = evaluation_config(name, overrides, run=subject.config, source=source)
    settings = EvaluationSettings(config, options.split)
    folder = subject.path.parent.parent
    if options.keep and not subject.config:
        raise ValueError(f"--keep: {subject.path} is no run's, whose folder would keep the scores")
    with noted() as said:
        told = dict(EVALUATION.measure(subject.path, settings))
    kept = EVALUATION.keep(folder, told, settings) if options.keep else None
    raw = told.pop("raw")
    if options.json:
        named = {"checkpoint": str(subject.path), "run_id": subject.config.get("run_id")}
        print(as_json({**named, **told, **raw}))
        return 0
    if subject.reason is not None:
        print(subject.reason)
    for note in said:
        print(f"note: {note}")
    where = f"{told['images']:,} images at {told['image_size']} px"
    if other_images(subject.config, config.data):
        print("note: these images are not those that the run was planned with: files have changed")
    print(f"{subject.path} on the {told['split']} split of {title(config.data)}, {where}")
    for name, scores in (("", raw), ("averaged weights: ", told["ema"])):
        if scores is not None:
            print(f"{name}{_scores_text(scores)}")
    if kept is not None:
        print(f"kept in {kept}: `ablate report` shows it")
    return 0


def other_images(run: Mapping[str, Any], data: DataConfig) -> bool:
    """Whether the run's data set, read as the run read it, holds other files than it did."""
    planned, here = run.get("content"), resolve(data)
    said = (run["data"].get("name"), run["data"].get("loader")) if planned is not None else None
    return said == (here.info.name, here.loader) and content(here) != planned


def _scores_text(scores: Mapping[str, Any]) -> str:
    """One line; balanced accuracy where it is not top-1 once more."""
    top1, balanced = (f"{scores[key]:.2f} %" for key in ("top1", "balanced_accuracy"))
    more = "" if scores["top5"] is None else f", top-5 {scores['top5']:.2f} %"
    more += "" if balanced == top1 else f", balanced accuracy {balanced}"
    return f"top-1 {top1}{more}, loss {scores['loss']:.4f}"
