"""A design of one's own is one class: it plans, refuses, and is reported like the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ablations import report
from ablations.compare.headlines import headline
from ablations.compare.records import load_study
from ablations.planning.plan import index_of, make_plan
from ablations.store.runs import INDEX, study_path, write_json_atomic
from ablations.studies.designs import DESIGNS, Point, Points
from ablations.studies.designs.on_trajectory import END, OnTrajectory, fewest_steps
from ablations.studies.designs.point import AnyPoint, numbered
from ablations.studies.study_file import load_experiments, read_source, resolve_study
from lit_models import START
from tests.support.fabricate import fabricate_study

FILE = """
studies:
  mine:
    trajectory: convnext_nano
    points: {kind: ends, skip: [depthwise, move_depthwise_up]}
    data: {name: digits, image_size: 16}
"""


@dataclass
class EndsPoints(Points):
    """The start and the end."""

    kind: str = "ends"
    # steps that the end does without
    skip: list[str] | None = None


@dataclass(frozen=True)
class Ends(OnTrajectory):
    """The two ends of a trajectory."""

    chosen: EndsPoints

    kind: ClassVar[str] = EndsPoints.kind
    options: ClassVar[type[Points]] = EndsPoints
    compared_with: ClassVar[str] = "start"

    def check(self) -> None:
        self.check_steps("points.skip", self.chosen.skip or ())

    def points(self) -> tuple[Point, ...]:
        skipped = self.chosen.skip or ()
        steps = tuple(step for step in self.trajectory.step_names if step not in skipped)
        return Point(numbered(0, START, ()), START, ()), Point(numbered(1, END, ()), END, steps)

    def reference(self, point: AnyPoint, points: Sequence[AnyPoint]) -> AnyPoint | None:
        return fewest_steps(point, points)


@pytest.fixture(autouse=True)
def _own_design() -> Iterator[None]:
    DESIGNS.register(Ends.kind, Ends)
    yield
    DESIGNS.forget(Ends.kind)


def test_it_plans_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(FILE)
    plan = make_plan(load_experiments(path).studies["mine"])
    assert [row.point for row in plan.rows] == ["00_start", "01_end"]
    assert "depthwise" not in plan.rows[1].steps

    points = [(row.point, row.step, row.steps) for row in plan.rows]
    fabricate_study(tmp_path, study="mine", kind="ends", points=points)
    study, rows = load_study("mine", runs_root=tmp_path), report.rows("mine", runs_root=tmp_path)
    assert [row.reference for row in rows] == [None, "00_start"]
    assert headline(study, rows).startswith("The largest difference to “ResNet-nano” is that of")
    assert index_of(plan, "")["points"] == "ends"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("points.skip=[widht]", r"points\.skip has 'widht', .* Did you mean width"),
        ("points.skip=3", r"points\.skip is 3"),
        ("points.alternatives=true", "only for cumulative"),
        ("points.kind=cumulative", r"points\.skip has no meaning .*, only for ends"),
        ("points.kind=end", "Did you mean ends"),
    ],
)
def test_its_keys_are_its_own(tmp_path: Path, override: str, words: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(FILE)
    with pytest.raises(ValueError, match=words):
        resolve_study(read_source(path), "mine", [override])


def test_a_report_of_a_design_that_is_gone_says_so(tmp_path: Path) -> None:
    fabricate_study(tmp_path, study="mine")
    index = {"points": "gone", "trajectory": "convnext_nano", "command": "", "rows": []}
    write_json_atomic(study_path(tmp_path, "mine") / INDEX, index)
    with pytest.raises(ValueError, match="points is 'gone'"):
        load_study("mine", runs_root=tmp_path)
