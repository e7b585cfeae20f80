"""The options of `ablate bench train`."""

import argparse

from ablations.bench.train.job import DEVICES

MODELS = "resnet50,convnext_tiny,convmixer_768_32"


def add_train_bench(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of `ablate bench`."""
    parser.add_argument(
        "--models", default=MODELS, metavar="NAME,NAME", help=f"train: default {MODELS}"
    )
    parser.add_argument(
        "--image-size", type=_positive, metavar="PX", help="train: default the network's, else 224"
    )
    parser.add_argument(
        "--batch-size", type=_positive, metavar="N", help="train: default 8, on a GPU 64"
    )
    parser.add_argument("--device", choices=DEVICES, help="train: default every one that is there")
    parser.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="train: on the CPU; default $OMP_NUM_THREADS, else one a core",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number of 1 or more")
    return number
