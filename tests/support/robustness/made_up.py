"""Answers of a robustness evaluation, made up, stored as `ablate robustness` stores them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations.compare.records import load_study
from ablations.robustness.conditions.arrays import CONFIDENCE, CORRECT, LOSS, PREDICTED, Arrays
from ablations.robustness.results.identity import Decides
from ablations.robustness.results.image_lists import LIST, ImageList, keep_images
from ablations.robustness.results.stored import keep
from ablations.store.runs import run_path
from datamodules.corruptions.names import CORRUPTIONS
from lit_models import TRAJECTORIES
from tests.support.fabricate import cumulative, fabricate_study

STUDY, CLASSES = "made_up", 10
POINTS = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)[:3]
LABELS = tuple(label for label, _, _ in POINTS)
# Of `answer_study`: conditions, and how many of a hundred images are wrong at the first point.
QUICK: Mapping[str, float] = {
    "clean/clean": 10,
    **{
        f"corruptions/{name}/{severity}": 15 + number + 6 * severity
        for number, name in enumerate(CORRUPTIONS)
        for severity in (1, 3, 5)
    },
    "occlusion/random/0.5": 40,
    "attacks/fgsm/1_255": 30,
    "attacks/fgsm/8_255": 80,
}


def image_list(images: int | Iterable[int]) -> ImageList:
    """Images by number, with labels that are their last digits."""
    numbers = range(images) if isinstance(images, int) else images
    indices = np.array(list(numbers), np.int64)
    return ImageList(indices, indices % CLASSES)


def keep_answer(
    run: Path,
    condition: str,
    arrays: Arrays,
    *,
    images: ImageList,
    data: str = "digits",
    parameters: Mapping[str, Any] | None = None,
    version: int = 1,
    seed: int = 0,
    weights: str = "raw",
    side: int = 24,
) -> Path:
    """Store an answer in a run's folder; the file."""
    decides = Decides(
        checkpoint="0" * 64,
        weights=weights,
        images={"data": data, LIST: keep_images(run, images), "side": side},
        condition=condition,
        parameters=parameters or {},
        version=version,
        seed=seed,
        precision="float32",
    )
    return keep(
        run,
        decides,
        arrays,
        images=len(images.indices),
        seconds=0.1,
        device="cpu",
        versions={"torch": "2.11.0"},
    )


def class_answers(
    right: NDArray[np.bool_], labels: NDArray[np.int64], draws: np.random.Generator
) -> Arrays:
    """Answers that are right or not, as said; a wrong one is the next class."""
    predicted = np.where(right, labels, (labels + 1) % CLASSES)
    confidence = np.where(right, 0.9, 0.5) + 0.1 * draws.random(len(right))
    return {
        PREDICTED: predicted.astype(np.int16),
        CORRECT: right,
        CONFIDENCE: confidence.astype(np.float32),
        LOSS: (-np.log(confidence)).astype(np.float32),
    }


def answer_study(
    root: Path,
    wrong: Mapping[str, float] | None = None,
    *,
    images: ImageList | None = None,
    points: Sequence[str] = LABELS,
    gain: float = 3,
    **how: Any,
) -> None:
    """Answer conditions in every run of `STUDY`, as networks of one study do: images are alike.

    Args:
        root: the runs folder, in which the study is.
        wrong: by condition, how many of a hundred images are wrong at the first point.
        images: that are asked about; 200 where not named.
        points: that answer.
        gain: how many fewer of a hundred are wrong at each further point.
        how: further arguments of `keep_answer`.
    """
    asked = images or image_list(200)
    for run in load_study(STUDY, runs_root=root).runs:
        if run.point not in points:
            continue
        place = LABELS.index(run.point)
        for number, (key, share) in enumerate((wrong or QUICK).items()):
            ease = np.random.default_rng([number, 0]).random(10_000)[asked.indices % 10_000]
            draws = np.random.default_rng([number, place, run.seed])
            own = draws.random(10_000)[asked.indices % 10_000]
            right = 0.7 * ease + 0.3 * own > (share - gain * place) / 100
            answers = class_answers(right, asked.labels, draws)
            keep_answer(run_path(root, run.run_id), key, answers, images=asked, **how)


def answered_study(root: Path, **how: Any) -> None:
    """A study of three steps and two seeds on digits, with the answers of the suite `quick`."""
    fabricate_study(root, points=POINTS, seeds=(0, 1), data="digits")
    answer_study(root, **how)
