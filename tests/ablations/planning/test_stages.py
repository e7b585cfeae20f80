"""A study whose seeds follow a rule: planned, run, stopped and gone on with, stage by stage."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ablations.cli import main
from ablations.commands import launch, plan, run
from ablations.commands.launch import Ended, Launch, write_index
from ablations.planning.plan import PlannedRun, index_of
from ablations.planning.run_config import to_plain
from ablations.planning.stages import planned
from ablations.store.finished_values import finished_values
from ablations.store.index_file import read_index
from ablations.store.runs import (
    CONFIG,
    INDEX,
    STATUS,
    SUMMARY,
    run_path,
    study_path,
    write_json_atomic,
)
from ablations.studies.config import Study
from ablations.studies.designs.explicit import ExplicitPoints
from ablations.studies.seeds import SeedsConfig, UntilConfig

OWN = """\
studies:
  s:
    trajectory: convnext_nano
    points: {kind: explicit, lists: {plain: [], ratio: [stage_ratio], stem: [patchify_stem]}}
    data: digits
    seeds: {first: 2, most: 8, until: {half_width: 1.0}}
"""
SCATTER = (0.0, 0.6, 0.3, 0.1, 0.5, 0.2, 0.4, 0.3)  # of a run by its seed


def finish(root: Path, row: PlannedRun, *, state: str = "done") -> None:
    """Make a run look over."""
    folder = run_path(root, row.run_id)
    sign = -1 if "ratio" in row.point else 1  # seeds have no effect in common
    write_json_atomic(folder / CONFIG, to_plain(row.config, row.run_id))
    write_json_atomic(folder / STATUS, {"state": state})
    write_json_atomic(folder / SUMMARY, {"test/top1": 80 + sign * SCATTER[row.seed]})


@dataclass
class Trained:
    """The runs that each call of `ablate run`'s training finished, and when it is killed."""

    stages: list[int] = field(default_factory=list)
    killed_at: int | None = None

    def train(self, asked: Launch, left: Sequence[PlannedRun]) -> Ended:
        """Finish every run at once."""
        write_index(asked)
        if len(self.stages) == self.killed_at:
            raise KeyboardInterrupt
        self.stages.append(len(left))
        for row in left:
            finish(asked.root, row)
        return Ended()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Trained:
    made = Trained()
    monkeypatch.setattr(run, "train", made.train)
    for verb in (launch, plan):  # counting would take torch
        monkeypatch.setattr(verb, "plan_costs", lambda *_, **__: {})
    return made


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    return ["--file", str(file), "--runs", str(tmp_path / "runs")]


@dataclass(frozen=True)
class Said:
    """A verb on the study above: its exit code, and what it said, on one line."""

    code: int
    text: str


Ablate = Callable[..., Said]


@pytest.fixture
def ablate(options: list[str], capsys: pytest.CaptureFixture[str]) -> Ablate:
    def command(verb: str, *words: str) -> Said:
        code = main([verb, "s", *options, *words])
        return Said(code, " ".join(capsys.readouterr().out.split()))

    return command


def seeds_of(tmp_path: Path) -> list[int]:
    index = read_index("s", tmp_path / "runs")
    assert index is not None
    return sorted({row["seed"] for row in index["rows"]})


def test_one_command_goes_through_all_stages(
    ablate: Ablate, trained: Trained, tmp_path: Path
) -> None:
    said = ablate("run")
    assert said.code == 0
    assert said.text.count("next: `ablate report s") == 1
    seeds = seeds_of(tmp_path)
    assert seeds == list(range(sum(trained.stages) // 3))
    assert trained.stages[0] == 6
    assert len(trained.stages) > 1
    assert len(seeds) < 9

    stages = list(trained.stages)
    assert ablate("run").code == 0
    assert trained.stages == stages  # nothing was left
    for verb in ("status", "plan"):
        assert f"After {len(seeds)} seeds" in ablate(verb, *["--no-time"] * (verb == "plan")).text
    rows = json.loads(ablate("report", "--json").text)
    assert {row["seeds"] for row in rows} == {len(seeds)}


def test_a_run_killed_between_stages_goes_on(
    ablate: Ablate, trained: Trained, tmp_path: Path
) -> None:
    trained.killed_at = 1
    assert ablate("run").code == 130
    planned_now = seeds_of(tmp_path)
    assert planned_now > [0, 1]
    said = ablate("status").text
    assert "After 2 seeds" in said
    assert f"Seeds 0 to {planned_now[-1]} are trained now" in said

    trained.killed_at = None
    assert ablate("run").code == 0
    assert sum(trained.stages) == 3 * len(seeds_of(tmp_path))  # none was trained twice


def test_the_index_between_stages_is_enough_for_status(
    ablate: Ablate, trained: Trained, tmp_path: Path
) -> None:
    """Killed after the last run of the first stage, before anything of the second was written."""
    trained.killed_at = 0
    assert ablate("run").code == 130
    for row in planned(study(), tmp_path / "runs").rows:
        finish(tmp_path / "runs", row)
    said = ablate("status").text
    assert "After 2 seeds" in said
    assert "are trained now" in said


def study(rule: tuple[int, int, float] = (2, 8, 1.0)) -> Study:
    first, most, width = rule
    lists = {"plain": [], "ratio": ["stage_ratio"], "stem": ["patchify_stem"]}
    return Study(
        name="s",
        trajectory="convnext_nano",
        points=ExplicitPoints(kind="explicit", lists=lists),
        seeds_rule=SeedsConfig(first, most, UntilConfig(width)),
    )


def test_a_first_stage_that_is_not_finished_is_all_that_is_planned(
    ablate: Ablate, trained: Trained, tmp_path: Path
) -> None:
    assert not trained.stages
    root = tmp_path / "runs"
    rows = planned(study(), root).rows
    assert len(rows) == 6
    for row in rows[:-1]:
        finish(root, row)
    finish(root, rows[-1], state="failed")
    assert planned(study(), root).rows == rows
    said = ablate("plan", "--no-time").text
    assert "Seeds 0 to 1 are trained now (runs that are not done: 1)" in said
    assert "1 of them failed" in said
    assert "would ask for" in said


def test_another_rule_keeps_runs(tmp_path: Path) -> None:
    for row in planned(study(), tmp_path).rows:
        finish(tmp_path, row)
    wide, narrow = (planned(study((2, 8, width)), tmp_path) for width in (50.0, 0.8))
    listed = planned(replace(study(), seeds_rule=SeedsConfig(), seeds=[0, 1, 2]), tmp_path)
    ids = {row.run_id for row in wide.rows}
    assert len(ids) == 6
    assert ids < {row.run_id for row in narrow.rows}
    assert ids < {row.run_id for row in listed.rows}


def test_points_that_are_the_same_runs_count_once(tmp_path: Path) -> None:
    for row in planned(study(), tmp_path).rows:
        finish(tmp_path, row)
    named = [(row.point, row.seed, row.run_id) for row in planned(study(), tmp_path).rows]
    twice = [*named, *((f"again_{point}", seed, run_id) for point, seed, run_id in named)]
    assert finished_values(twice, tmp_path) == finished_values(named, tmp_path)


def test_a_rule_in_an_index_is_checked_as_one_in_a_file(
    ablate: Ablate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "runs"
    index = index_of(planned(study(), root), "ablate run s")
    for wrong in ({"first": 0}, {"most": 10**9}, {"half_width": 0}, {"half_width": "x"}):
        rule = {**index["seeds_rule"], **wrong}
        write_json_atomic(study_path(root, "s") / INDEX, {**index, "seeds_rule": rule})
        with pytest.raises(ValueError, match=rf"{INDEX}: seeds_rule\.{next(iter(wrong))}"):
            read_index("s", root)
