"""Studies that are made up at random, and one that was measured."""

import json
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

Values = dict[str, dict[int, float]]


def measured() -> Values:
    """The 39 accuracies of a result that this repository had (see the file)."""
    found = json.loads(Path(__file__).with_name("one_result.json").read_text())
    return {point: dict(enumerate(values)) for point, values in found["top1"].items()}


def draw(
    draws: Generator, *, points: int = 13, seeds: int = 3, std: ArrayLike = 1.0, seed_std: float = 0
) -> Values:
    """A study without any difference; `std` of a run, one for all points or one each."""
    noise = np.broadcast_to(np.asarray(std, dtype=float), (points,))[:, None]
    table = draws.normal(size=(points, seeds)) * noise + seed_std * draws.normal(size=seeds)
    return {f"p{i:02d}": dict(enumerate(map(float, row))) for i, row in enumerate(table)}
