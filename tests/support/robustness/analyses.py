"""Answers to the analyses, made up, of a study of three steps and two seeds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ablations.compare.records import StudyRecord, load_study
from ablations.robustness.conditions.analyses import names
from ablations.robustness.conditions.arrays import CORRECT, PREDICTED, Arrays
from ablations.store.runs import run_path
from tests.support.fabricate import fabricate_study
from tests.support.robustness.made_up import (
    LABELS,
    POINTS,
    STUDY,
    answer_study,
    image_list,
    keep_answer,
)

IMAGES = image_list(20)
Answers = Mapping[str, Arrays]


def made_up(place: int, seed: int) -> Answers:
    """Answers of the point at a place of the study; the first has no depthwise convolution."""
    draws = np.random.default_rng([place, seed])
    counts = 2 + place  # of four blocks
    right = draws.random((20, counts, 3)) < 0.9 - 0.1 * np.arange(counts)[:, None]
    side, middle = 32, 16
    found: dict[str, Arrays] = {
        names.LESION: {
            PREDICTED: np.zeros(right.shape, np.int16),
            CORRECT: right,
            names.REMOVED: np.zeros((counts, 3, counts), np.int16),
            names.BLOCKS: np.array(4, np.int16),
        },
        names.VARIANCE: {
            names.MAP_VARIANCE: np.tile([1.0, 10.0, 100.0, np.nan], (20, 1)) * (place + 1),
            names.MAP_RELATIVE: np.tile([0.1, 0.2, 0.4, np.nan], (20, 1)),
        },
        names.FIELD: {
            names.SIDE: np.array(side, np.int16),
            names.CENTRE: np.array(middle + 0.5 * place),
            names.SIDES: np.arange(1, side + 1),
            names.SHARES: np.linspace(0.1, 1, side),
            names.LOG_SHARES: np.linspace(0.1, 1, side),
            names.THRESHOLDS: np.array([0.2, 0.3, 0.5, 0.99]),
            names.SQUARES: np.array([4.0, 8, 16, 32]) - 2 * seed,
            names.LOG_SQUARES: np.array([8.0, 8, 16, 32]),
            names.MAP: draws.random((side, side)),
        },
    }
    if place:
        distance = np.array([3.0, 1.0, np.nan, 2.0]) * place
        found[names.KERNELS] = {
            names.MEAN_DISTANCE: distance,
            names.RAW_DISTANCE: distance,
            names.RELATIVE_DISTANCE: distance / 2,
            names.LAYER: np.zeros(4, np.int16),
            names.EMPTY: np.array([1]),
        }
    return found


def analysed_study(root: Path) -> StudyRecord:
    """The study, with its answers stored in the runs folder."""
    fabricate_study(root, points=POINTS, seeds=(0, 1), data="digits")
    answer_study(root, {"clean/clean": 10}, images=IMAGES)
    study = load_study(STUDY, runs_root=root)
    for run in study.runs:
        for key, arrays in made_up(LABELS.index(run.point), run.seed).items():
            parameters = {"draws": 3, "stages": [2]} if key == names.LESION else {}
            folder = run_path(root, run.run_id)
            keep_answer(folder, key, arrays, images=IMAGES, parameters=parameters)
    return study
