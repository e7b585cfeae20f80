"""Run folders and an index as `ablations.store.runs` has them, with obviously made-up numbers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.store.runs import run_path, study_path
from ablations.studies.designs.grid import Grid, GridPoints
from ablations.studies.designs.networks import Networks, NetworksPoints
from ablations.studies.networks import network_after
from lit_models import START, TRAJECTORIES, Trajectory, apply_steps, to_dict
from lit_models.steps.step import IllegalStep

Made = tuple[str, str, tuple[str, ...]]  # point, step, steps


def cumulative(trajectory: Trajectory, *, alternatives: bool = True) -> list[Made]:
    """The points of a cumulative study as (label, step, steps)."""
    made: list[Made] = [("00_start", START, ())]
    for index, step in enumerate(trajectory.step_names):
        before = trajectory.step_names[:index]
        tried = trajectory.alternatives.get(step, ()) if alternatives else ()
        for letter, name in zip(("", *"abc"), (step, *(o.name for o in tried)), strict=False):
            made.append((f"{index + 1:02d}{letter}_{name}", name, (*before, name)))
    return made


def leave_one_out(names: Sequence[str]) -> list[Made]:
    """The full network and the networks without one of the steps."""
    full: Made = ("00_end", "end", tuple(names))
    return [
        full,
        *(
            (f"{i:02d}_without_{n}", n, tuple(o for o in names if o != n))
            for i, n in enumerate(names, start=1)
        ),
    ]


def made_up_top1(position: int, seed: int) -> float:
    """Nothing that a network ever reached: 50 %, half a point a step, a zigzag over seeds."""
    return 50 + 0.5 * position + 0.1 * seed * (1 if position % 2 == 0 else -1)


def fabricate_study(
    root: Path,
    *,
    study: str = "made_up",
    trajectory: str = "convnext_nano",
    kind: str = "cumulative",
    points: Sequence[Made] | None = None,
    seeds: Iterable[int] = (0, 1, 2),
    states: Mapping[tuple[str, int], str] | None = None,
    data: str = "fashion_mnist",
    epochs: int = 4,
    ema: bool = False,
) -> Path:
    """Write a whole study; `states` maps (point, seed) to what became of it, "done" if not named.

    Returns the folder of the study.
    """
    line = TRAJECTORIES[trajectory]
    made = [
        ({"point": point, "step": step, "steps": list(steps)}, _spec_after(line, steps))
        for point, step, steps in points or cumulative(line)
    ]
    index = {"trajectory": trajectory, "points": kind}
    setting = Setting(data, line.image_size, epochs)
    return _write_study(
        root, study, index, made, seeds=seeds, states=states or {}, setting=setting, ema=ema
    )


def fabricate_networks(
    root: Path,
    networks: Mapping[str, Sequence[str]],
    *,
    study: str = "made_up",
    published: str | None = None,
    seeds: Iterable[int] = (0, 1, 2),
    states: Mapping[tuple[str, int], str] | None = None,
    data: str = "fashion_mnist",
    image_size: int = 32,
    epochs: int = 4,
) -> Path:
    """Write a study of networks, as `points.networks` of experiments.yaml names them."""
    points = Networks(NetworksPoints(networks={n: list(row) for n, row in networks.items()}))
    made = _made(points)
    index = {"trajectory": "", "points": points.kind, "published": published}
    setting = Setting(data, image_size, epochs)
    return _write_study(
        root, study, index, made, seeds=seeds, states=states or {}, setting=setting, ema=False
    )


def fabricate_grid(root: Path, networks: Any, steps: Any, *, study: str = "made_up") -> Path:
    """Write a study of every network with every list of steps, two seeds each."""
    grid = Grid(GridPoints(networks=networks, steps=steps))
    index: dict[str, Any] = {"trajectory": "", "points": grid.kind, "published": None}
    setting, made = Setting("fashion_mnist", 32, 4), _made(grid)
    legal = {row["point"] for row, _ in made}
    gone = [point.label for point in grid.points() if point.label not in legal]
    index |= {"illegal": [{"point": label, "reason": "no network"} for label in gone]}
    return _write_study(
        root, study, index, made, seeds=(0, 1), states={}, setting=setting, ema=False
    )


def _made(design: Networks | Grid) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The row of the index and the spec of every point; illegal ones have none."""
    made = []
    for point in design.points():
        row = {"point" if key == "label" else key: value for key, value in point.names().items()}
        with suppress(IllegalStep):
            made.append((row, to_dict(network_after(point.steps, network=point.network))))
    return made


@dataclass(frozen=True)
class Setting:
    """What the runs of a study have in common."""

    data: str
    image_size: int
    epochs: int


def _write_study(
    root: Path,
    study: str,
    index: Mapping[str, Any],
    made: Sequence[tuple[Mapping[str, Any], dict[str, Any]]],
    *,
    seeds: Iterable[int],
    states: Mapping[tuple[str, int], str],
    setting: Setting,
    ema: bool,
) -> Path:
    rows = []
    for position, (row, spec) in enumerate(made):
        for seed in seeds:
            run_id = f"{setting.data}-seed{seed}-{position:012x}"
            rows.append({**row, "seed": seed, "run_id": run_id})
            rows[-1] |= {"params": 1000 + position, "gmacs": 0.001}
            state = states.get((row["point"], seed), "done")
            config = _config(spec, run_id=run_id, seed=seed, setting=setting)
            if state != "new":
                _write_run(run_path(root, run_id), config, state, position=position, ema=ema)
    whole = {"schema": 1, "study": study, **index, "command": f"ablate run {study}", "rows": rows}
    _write(study_path(root, study) / "index.json", whole)
    return study_path(root, study)


def _spec_after(line: Trajectory, steps: tuple[str, ...]) -> dict[str, Any]:
    try:
        return to_dict(apply_steps(line.start, [line.by_name[name] for name in steps]))
    except ValueError:  # a combination that needs another one: any spec will do here
        return to_dict(line.start)


def _config(spec: dict[str, Any], *, run_id: str, seed: int, setting: Setting) -> dict[str, Any]:
    return {
        "schema": 1,
        "run_id": run_id,
        "spec": spec,
        "data": {"name": setting.data, "image_size": setting.image_size, "val_fraction": 0.1},
        "recipe": {
            "epochs": setting.epochs,
            "lr": 0.001,
            "batch_size": 128,
            "augment": {"hflip": True},
        },
        "seed": seed,
        "hardware": {"accelerator": "cpu", "devices": 1, "num_workers": 0, "threads": 1},
        "root": None,
    }


def _session() -> dict[str, Any]:
    return {
        "started": "2000-01-01T00:00:00+00:00",
        "command": ["ablate", "run", "made_up"],
        "git": {"commit": "0" * 40, "diff_sha256": None},
        "versions": {"python": "3.11.0", "torch": "2.11.0"},
        "hardware": {"host": "nowhere", "cpu": "made-up CPU", "cores": 2, "device": "cpu"},
    }


def _write_run(
    folder: Path, config: Mapping[str, Any], state: str, *, position: int, ema: bool
) -> None:
    seed, epochs = config["seed"], config["recipe"]["epochs"]
    reached = epochs if state == "done" else epochs // 2
    top1 = made_up_top1(position, seed)
    _write(folder / "config.json", config)
    message = "RuntimeError: made-up failure" if state == "failed" else None
    _write(folder / "status.json", {"state": state, "epoch": reached, "message": message})
    _write(folder / "provenance.json", {"seed": seed, "sessions": [_session()]})
    header = "epoch,images_seen,lr,seconds,train/loss,val/loss,val/top1,val/top5\n"
    lines = [
        f"{e},{e * 640},0.001,1.5,{2 / e},{2 / e},{top1 * e / epochs},90\n"
        for e in range(1, reached + 1)
    ]
    (folder / "metrics.csv").write_text(header + "".join(lines))
    if state == "done":
        _write(folder / "summary.json", _summary(top1, position, epochs, ema=ema))
    _write_events(folder / "tensorboard", top1, reached)


def _summary(top1: float, position: int, epochs: int, *, ema: bool) -> dict[str, Any]:
    summary = {"test/top1": top1, "test/top5": 95.0, "test/loss": 0.5, "val/top1": top1}
    summary |= {"images_per_s": 1000.0 - position, "peak_memory_mb": 64.0, "train_seconds": 6.0}
    summary |= {"epochs": epochs, "params": 1000 + position, "gmacs": 0.001 * (position + 1)}
    return summary | ({"test_ema/top1": top1 + 0.25} if ema else {})


def _write_events(folder: Path, top1: float, epochs: int) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(exist_ok=True)
    with (folder / "events.out.tfevents.1000000000.made-up").open("wb") as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=1e9, file_version="brain.Event:2").SerializeToString())
        for epoch in range(1, epochs + 1):
            value = Summary.Value(tag="val/top1", simple_value=top1 * epoch / epochs)
            event = Event(step=epoch, wall_time=1e9 + epoch, summary=Summary(value=[value]))
            records.write(event.SerializeToString())


def _write(path: Path, obj: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(obj))
