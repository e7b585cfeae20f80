"""Predictions of test images as a run keeps them, made up."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.store.image_predictions import (
    ImagePredictions,
    classes_sha256,
    write_image_predictions,
)
from ablations.store.runs import PREDICTIONS, SUMMARY, run_path
from lit_models.training.metrics import TEST_TOP1


def made_up_predictions(
    *, images: int = 10_000, classes: int = 10, seed: int = 0
) -> ImagePredictions:
    """Nine of ten images right, most of them with a confidence near 1."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, classes, images)
    guesses = np.where(draws.random(images) < 0.9, labels, draws.integers(0, classes, images))
    return predictions(labels, guesses, classes=classes, draws=draws)


def predictions(
    labels: NDArray[Any],
    guesses: NDArray[Any],
    *,
    classes: int,
    draws: np.random.Generator,
) -> ImagePredictions:
    """These classes, with confidences and names."""
    confidence = 1 - 0.9 * draws.random(len(labels)) ** 4
    names = tuple(f"class {number}" for number in range(classes))
    return ImagePredictions(
        guesses.astype(np.uint32), labels.astype(np.uint32), confidence.astype(np.float16), names
    )


def write_predictions(run: Path, found: ImagePredictions) -> None:
    """Both files, as a run writes them."""
    run.mkdir(exist_ok=True)
    write_image_predictions(run, found)
    said: dict[str, Any] = {"images": len(found.classes), "right": int(found.right.sum())}
    said |= {"classes_sha256": classes_sha256(found.classes), "right_bits": ""}
    (run / PREDICTIONS).write_text(json.dumps(said))


def predict_study(
    root: Path,
    shares: Mapping[str, float],
    *,
    study: str = "made_up",
    images: int = 1000,
    classes: int = 4,
    spread: float = 0.3,
) -> None:
    """Give every run of a fabricated study predictions, and the accuracy that they are.

    `shares` of right images are by point; an image is easier or harder for all runs of a point
    alike, by a normal variable of std `spread` that is added to the share.
    """
    draws = np.random.default_rng(0)
    labels = np.arange(images) % classes
    ease = {point: spread * draws.standard_normal(images) for point in shares}
    for row in _rows(root, study):
        point = row["point"]
        right = draws.random(images) < np.clip(shares[point] + ease[point], 0, 1)
        guesses = np.where(right, labels, (labels + 1) % classes)
        found = predictions(labels, guesses, classes=classes, draws=draws)
        folder = run_path(root, row["run_id"])
        write_predictions(folder, found)
        summary = json.loads((folder / SUMMARY).read_text())
        summary[TEST_TOP1] = 100 * float(found.right.mean())
        (folder / SUMMARY).write_text(json.dumps(summary))


def _rows(root: Path, study: str) -> Sequence[Mapping[str, Any]]:
    index = json.loads((root / "studies" / study / "index.json").read_text())
    rows: Sequence[Mapping[str, Any]] = index["rows"]
    return rows
