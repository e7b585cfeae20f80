"""What can be typed after `ablate import` and `ablate evaluate`."""

import argparse
from pathlib import Path

from ablations.store.runs import RUNS_VARIABLE

Subparsers = argparse._SubParsersAction  # the type has no public name
_OVERRIDES = (
    "any key of data and hardware, and recipe.{batch_size,precision,channels_last,flip_test,"
    "augment.interpolation}, such as data.eval_size=288"
)


def add_weights(verbs: "Subparsers[argparse.ArgumentParser]") -> None:
    """Declare `import` and `evaluate`."""
    _add_import(_add(verbs, "import", "make a checkpoint of published weights; executes nothing"))
    _add_evaluate(_add(verbs, "evaluate", "the scores of a checkpoint on a data set"))


def _add(
    verbs: "Subparsers[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        type=Path,
        metavar="FILE",
        help="of torch.save or safetensors, with the keys of the official repository or of timm",
    )
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="a network by name, or timm/NAME"
    )
    parser.add_argument(
        "--step",
        action="append",
        default=[],
        metavar="STEP",
        help="a step that leads from the named network to that of the file, such as "
        "activation=gelu; any number of them, in order",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.ckpt", help="default: NAME.ckpt")
    parser.add_argument(
        "--num-classes", type=int, metavar="N", help="default: as many as the file's classifier"
    )
    parser.add_argument(
        "--ema", action="store_true", help="the file's averaged weights, not the raw ones"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=_OVERRIDES)
    parser.add_argument(
        "--split", choices=["test", "val"], default="test", help="which images; default: test"
    )
    parser.add_argument(
        "--file", type=Path, metavar="PATH", help="default: ./experiments.yaml, else the project's"
    )
    where = f"the runs folder; default: ${RUNS_VARIABLE}, else ./runs"
    parser.add_argument("--runs", type=Path, metavar="DIR", help=where)
