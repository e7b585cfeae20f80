"""Complexity of every point and named network; `python -m tests.support.golden` writes it anew."""

import json
from pathlib import Path

from lit_models import SPECS, START, TRAJECTORIES, count
from lit_models.space.spec import ArchSpec


def golden() -> dict[str, dict[str, int | float]]:
    """Complexity by name, for 3-channel images and 1000 classes.

    Images have the trajectory's side, that which a token MLP is built for, or 224 px.
    """
    points = {name: (spec, spec.image_size or 224) for name, spec in SPECS.items()}
    for trajectory in TRAJECTORIES.values():
        for step in (START, *trajectory.by_name):
            points[f"{trajectory.name}/{step}"] = trajectory.spec_after(step), trajectory.image_size
    return {name: _row(spec, size) for name, (spec, size) in points.items()}


def _row(spec: ArchSpec, image_size: int) -> dict[str, int | float]:
    cost = count(spec, image_size=image_size)
    return {
        "params": cost.params,
        "gmacs": round(cost.gmacs, 9),
        "activations": cost.activations,
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
