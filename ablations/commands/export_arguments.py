"""The options of `ablate export`."""

import argparse
from pathlib import Path

FORMATS = ("onnx", "timm", "torch")


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add what `ablate export` takes."""
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
