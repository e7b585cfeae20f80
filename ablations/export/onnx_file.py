"""`--format onnx`: written by torch's exporter, read by onnxruntime."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from ablations.export.package import Format, Package, Predict


def write(package: Package, path: Path, final: Path) -> str:
    """Write one file: input `images`, output `logits`, any number of images at a time.

    Raises ValueError when the packages for that are not installed.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"--format onnx needs {' and '.join(missing)}, which is not installed: pip install "
            "'architecture-ablations[onnx]' (in a checkout '.[onnx]')"
        )
    import onnx

    with _quiet():
        torch.onnx.export(
            package.model,
            (package.images(2),),
            path,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    content = onnx.load(path)
    onnx.helper.set_model_props(content, {k: str(value) for k, value in package.about.items()})
    onnx.checker.check_model(content)
    onnx.save(content, path)
    return (
        f"onnxruntime.InferenceSession({str(final)!r}).run(['logits'], {{'images': images}}), "
        "images a float32 array"
    )


def read(package: Package, path: Path) -> Predict | None:
    """The file in onnxruntime; None where that is not installed."""
    del package
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def predict(images: Tensor) -> Tensor:
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        return torch.from_numpy(logits)

    return predict


ONNX = Format((".onnx",), write, read)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's progress and its notes about packages that it does not find."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
