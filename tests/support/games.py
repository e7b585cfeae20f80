"""Games with known values, and studies of which the runs are played in one: no network is trained.

A game is main effects, effects of pairs and of triples of a trajectory's steps, in points of top-1.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ablations.store.runs import run_path, study_path
from ablations.studies.networks import network_after
from lit_models import TRAJECTORIES, to_dict
from lit_models.space.spec import ArchSpec
from lit_models.steps.lattice import Lattice, Order, lattice_of, prefixes
from lit_models.steps.trajectory import Trajectory, outline_to_plain

LINE = TRAJECTORIES["convnext_nano"]
_START = network_after((), network="nano_resnet")
assert isinstance(_START, ArchSpec)
# Its first eight steps as a study file's own trajectory: 192 legal sets, so that tests are quick
SHORT = replace(
    LINE,
    name="short",
    start=_START,
    start_from=("nano_resnet",),
    steps=LINE.steps[:8],
    alternatives={},
    published=None,
)


@dataclass(frozen=True)
class Game:
    """v(S): what a network with the steps S scores."""

    start: float = 70.0
    effects: Mapping[tuple[int, ...], float] = field(default_factory=dict)
    noise: float = 0.0

    def __call__(self, mask: int) -> float:
        """The value of a set of steps."""
        return self.start + sum(
            worth
            for players, worth in self.effects.items()
            if all(mask >> player & 1 for player in players)
        )

    def run(self, mask: int, seed: int) -> float:
        """The value with the noise of a run, the same whenever it is asked."""
        rng = np.random.default_rng([mask, seed])
        return self(mask) + self.noise * float(rng.normal())


def random_game(players: int, seed: int, *, pairs: float = 0.3, noise: float = 0.4) -> Game:
    """Main effects of one point, pairs of `pairs` points."""
    rng = np.random.default_rng(seed)
    effects: dict[tuple[int, ...], float] = {(i,): rng.normal() for i in range(players)}
    for i in range(players):
        effects |= {(i, j): pairs * rng.normal() for j in range(i + 1, players)}
    return Game(effects=effects, noise=noise)


def drawn_orders(lattice: Lattice, units: int) -> list[Order]:
    """Pairs of mirrored orders."""
    first = [lattice.draw(number, seed=0) for number in range(units)]
    return [order for one in first for order in (one, lattice.reverse(one))]


def orders_study(
    root: Path, game: Game, *, units: int = 4, seeds: int = 3, study: str = "orders", **more: Any
) -> list[Order]:
    """A study of sampled orders: a unit's networks have one seed, start and end all."""
    lattice = lattice_of(more.get("line", SHORT))
    orders = drawn_orders(lattice, units)
    runs = {(mask, 0) for mask in prefixes(lattice.own_order)}
    runs |= {(mask, seed) for mask in (0, lattice.full) for seed in range(seeds)}
    for number, order in enumerate(orders):
        runs |= {(mask, number // 2 % seeds) for mask in prefixes(order)[1:-1]}
    names = [[[*lattice.players[p]] for p in order] for order in (lattice.own_order, *orders)]
    play(root, game, sorted(runs), study=study, kind="shapley", orders=names, **more)
    return orders


def play(
    root: Path,
    game: Game,
    runs: Sequence[tuple[int, int]],
    *,
    study: str,
    kind: str = "explicit",
    orders: Sequence[Any] | None = None,
    states: Mapping[tuple[int, int], str] | None = None,
    line: Trajectory = SHORT,
    lr: float = 0.001,
    **index: Any,
) -> None:
    """Write a study whose runs, (set, seed), are finished unless `states` says otherwise."""
    rows = []
    for mask, seed in runs:
        steps = [name for i, name in enumerate(line.step_names) if mask >> i & 1]
        run_id = f"fashion_mnist-seed{seed}-{mask + int(lr * 1e6) * 2**16:012x}"
        point = f"{len(steps):02d}_m{mask:03x}"
        row = {"point": point, "step": "+".join(steps) or "start", "steps": steps}
        rows.append({**row, "seed": seed, "run_id": run_id})
        state = (states or {}).get((mask, seed), "done")
        if state != "new":
            _write_run(run_path(root, run_id), line, steps, seed=seed, lr=lr, state=state)
        if state == "done":
            summary = {"test/top1": game.run(mask, seed), "epochs": 4}
            _write(run_path(root, run_id) / "summary.json", summary)
    own = {"outline": outline_to_plain(line)} if line.start_from else {}
    whole = {"schema": 1, "trajectory": line.name, "points": kind, "rows": rows, **own, **index}
    whole |= {"command": f"ablate run {study}"} | ({"orders": list(orders)} if orders else {})
    _write(study_path(root, study) / "index.json", whole)


def _write_run(
    folder: Path, line: Trajectory, steps: Sequence[str], *, seed: int, lr: float, state: str
) -> None:
    config = {
        "schema": 4,
        "run_id": folder.name,
        "spec": to_dict(line.apply(steps)),
        "data": {"name": "fashion_mnist", "image_size": line.image_size},
        "recipe": {"epochs": 4, "lr": lr},
        "seed": seed,
        "labels": {"start_from": list(line.start_from)} if line.start_from else {},
    }
    _write(folder / "config.json", config)
    _write(folder / "status.json", {"state": state, "epoch": 4, "epochs": 4})
    (folder / "metrics.csv").write_text("epoch,val/top1\n1,70\n", encoding="utf-8")


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
