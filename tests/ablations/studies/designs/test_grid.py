"""Products of networks and lists of steps: points, names, references, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from ablations import report
from ablations.compare.headlines import headline
from ablations.compare.records import load_study
from ablations.compare.tables import columns
from ablations.figures.drawings import drawings
from ablations.figures.grid_figure import grid_cells, grid_figure
from ablations.planning.plan import index_of, make_plan
from ablations.studies.config import Study
from ablations.studies.designs.grid import Grid, GridPoints
from ablations.studies.designs.networks import Networks, NetworksPoints
from ablations.studies.study_file import load_experiments
from datamodules.config.data import DataConfig
from lit_models.training.metrics import TEST_TOP1
from tests.support.fabricate import fabricate_grid

NANO = ["nano_resnet_dw", "nano_resnet_inverted_dw"]
STEPS = [[], "kernel_size=5", ["kernel_size=7", "activation=gelu"]]
FILE = """
studies:
  s:
    data: {name: digits, image_size: 32}
    points:
      kind: grid
      networks: {A: nano_resnet_dw, B: [nano_resnet_dw, activation=gelu]}
      steps:
        none: []
        k5: kernel_size=5
        gelu: activation=gelu
"""


def grid(networks: Any, steps: Any) -> Grid:
    return Grid(GridPoints(networks=networks, steps=steps))


def test_every_network_has_every_list_of_steps_under_a_name_of_the_two() -> None:
    points = grid(NANO, STEPS).points()
    assert [(p.label, p.network, p.steps, p.base) for p in points] == [
        ("00_nano_resnet_dw", NANO[0], (), None),
        ("01_nano_resnet_dw-kernel_size-5", NANO[0], ("kernel_size=5",), "00_nano_resnet_dw"),
        (
            "02_nano_resnet_dw-kernel_size-7+activation-gelu",
            NANO[0],
            ("kernel_size=7", "activation=gelu"),
            "00_nano_resnet_dw",
        ),
        ("03_nano_resnet_inverted_dw", NANO[1], (), None),
        (
            "04_nano_resnet_inverted_dw-kernel_size-5",
            NANO[1],
            ("kernel_size=5",),
            "03_nano_resnet_inverted_dw",
        ),
        (
            "05_nano_resnet_inverted_dw-kernel_size-7+activation-gelu",
            NANO[1],
            ("kernel_size=7", "activation=gelu"),
            "03_nano_resnet_inverted_dw",
        ),
    ]


def test_a_grid_with_names_is_what_somebody_writes_down_one_by_one() -> None:
    by_hand = {
        "DW": [NANO[0]],
        "DW-kernel-5": [NANO[0], "kernel_size=5"],
        "Inverted": [NANO[1]],
        "Inverted-kernel-5": [NANO[1], "kernel_size=5"],
    }
    short = grid(dict(zip(("DW", "Inverted"), NANO, strict=True)), {"": [], "kernel-5": STEPS[1]})
    networks = Networks(NetworksPoints(networks=by_hand))
    one, other = short.points(), networks.points()
    assert [(p.label, p.step, p.network, p.steps) for p in one] == [
        (p.label, p.step, p.network, p.steps) for p in other
    ]
    for mine, theirs in zip(one, other, strict=True):
        references = short.reference(mine, one), networks.reference(theirs, other)
        assert references[0] is None or references[0].label == references[1].label  # type: ignore[union-attr]
        assert (references[0] is None) == (references[1] is None)


def test_what_is_illegal_for_one_network_is_a_row_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(FILE)
    plan = make_plan(load_experiments(path).studies["s"])
    assert [row.point for row in plan.rows] == ["00_A", "01_A-k5", "02_A-gelu", "03_B", "04_B-k5"]
    (illegal,) = plan.illegal
    assert (illegal.point, illegal.steps) == ("05_B-gelu", ("activation=gelu", "activation=gelu"))
    assert "changes nothing" in illegal.reason
    rows = {row["point"]: row for row in index_of(plan, "")["rows"]}
    assert [rows[p].get("base") for p in ("02_A-gelu", "03_B", "04_B-k5")] == ["00_A", None, "03_B"]


@pytest.mark.parametrize(
    ("networks", "steps", "words"),
    [
        ([], STEPS, r"points\.networks is \[\], expected a list such as"),
        (NANO, [], r"points\.steps is \[\], expected a list such as"),
        (NANO, {}, r"points\.steps is \{\}"),
        (NANO[0], STEPS, r"points\.networks is 'nano_resnet_dw', expected a list"),
        ([NANO[0], NANO[0]], STEPS, r"points\.networks has \[nano_resnet_dw\] twice"),
        (NANO, [[], []], r"points\.steps has \[\] twice"),
        (NANO, ["kernel_size=5", ["kernel_size=5"]], r"\[kernel_size=5\] twice"),
        (["nano_resnet_dv"], STEPS, r"points\.networks\.0: .*nano_resnet_dw"),
        (NANO, [[], "kernel_sise=5"], r"points\.steps\.1: .*kernel_size"),
        (NANO, [[], "kernel_size=3"], r"points\.steps\.1 \(kernel_size=3\) .* none of the netw"),
        (NANO, ["kernel_size=3"], r"points\.networks\.0: step 'kernel_size=3' cannot|changes"),
        (NANO, [[], 3], r"points\.steps\.1 is 3, expected \[STEP\.\.\.\]"),
        ([[]], STEPS, r"points\.networks\.0 is empty"),
        ({"../x": NANO[0]}, STEPS, r"points has a point '\.\./x'"),
        ({"a": NANO[0], "a-b": NANO[1]}, {"": [], "b": STEPS[1]}, "two points that are named a-b"),
    ],
)
def test_a_product_that_cannot_be_meant_is_refused(networks: Any, steps: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        grid(networks, steps).check()


def test_a_wrong_entry_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(FILE.replace("kernel_size=5", "kernel_sise=5"))
    with pytest.raises(ValueError, match=r"own\.yaml:10 .*points\.steps\.k5: .*kernel_size"):
        load_experiments(path)


def test_kernels_without_use_are_refused_as_among_networks() -> None:
    points = GridPoints(networks=["convnext_tiny"], steps=[[], "kernel_size=31"])
    study = Study(name="s", points=points, data=DataConfig(name="digits", image_size=32))
    with pytest.raises(ValueError, match=r"larger than sense.*\(in .*01_convnext_tiny-kernel"):
        make_plan(study)


def test_the_figure_has_a_row_a_network_and_a_column_a_list(tmp_path: Path) -> None:
    networks = {"A": NANO[0], "B": [NANO[0], "activation=gelu"]}
    lists = {
        "k5": "kernel_size=5",
        "k7": "kernel_size=7",
        "k5-GELU": ["kernel_size=5", "activation=gelu"],
    }
    fabricate_grid(tmp_path, networks, lists)
    study = load_study("made_up", runs_root=tmp_path)
    rows = report.rows("made_up", runs_root=tmp_path)
    cells = grid_cells(study, rows)
    assert (cells.networks, cells.lists) == (("A", "B"), ("k5", "k7", "k5-GELU"))
    assert {place: row.title for place, row in cells.rows.items()} == {
        (0, 0): "A-k5",
        (0, 1): "A-k7",
        (0, 2): "A-k5-GELU",
        (1, 0): "B-k5",
        (1, 1): "B-k7",
    }
    texts = [text.get_text() for text in grid_figure(study, rows).axes[0].texts]
    assert texts.count("no network") == 1
    assert f"{rows[1].delta:+.2f}".replace("-", "\u2212") in texts


def test_a_network_with_one_legal_list_stands_in_the_columns_of_the_others(tmp_path: Path) -> None:
    networks = {"A": NANO[0], "B": [NANO[0], "activation=gelu"]}
    fabricate_grid(tmp_path, networks, ["kernel_size=5", "norm=layer", "activation=gelu"])
    study = load_study("made_up", runs_root=tmp_path)
    cells = grid_cells(study, report.rows("made_up", runs_root=tmp_path))
    assert (cells.networks, len(cells.lists)) == (("A", "B"), 3)
    assert list(cells.rows) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    alone = ["kernel_size=5", "activation=gelu"]  # B has only the first
    fabricate_grid(tmp_path / "alone", networks, alone)
    study = load_study("made_up", runs_root=tmp_path / "alone")
    cells = grid_cells(study, report.rows("made_up", runs_root=tmp_path / "alone"))
    assert (cells.networks, cells.lists) == (("A", "B"), ("kernel_size-5", "activation-gelu"))
    assert list(cells.rows) == [(0, 0), (0, 1), (1, 0)]


def test_the_headline_of_a_grid_without_a_difference_names_no_largest(tmp_path: Path) -> None:
    fabricate_grid(tmp_path, NANO[:1], STEPS)
    for summary in tmp_path.glob("all/*/summary.json"):
        summary.write_text(json.dumps(json.loads(summary.read_text()) | {TEST_TOP1: 50.0}))
    study = load_study("made_up", runs_root=tmp_path)
    said = headline(study, report.rows("made_up", runs_root=tmp_path))
    assert said.endswith("top-1 on the test split. No list of steps changes it.")


def test_the_report_compares_by_network_and_shades_each(tmp_path: Path) -> None:
    fabricate_grid(tmp_path, NANO, STEPS)
    study = load_study("made_up", runs_root=tmp_path)
    rows = report.rows("made_up", runs_root=tmp_path)
    first, second = "00_nano_resnet_dw", "03_nano_resnet_inverted_dw"
    assert [row.reference for row in rows] == [None, first, first, first, second, second]
    assert headline(study, rows).endswith(
        "Steps change most from “nano_resnet_dw” to "
        "“nano_resnet_dw-kernel_size-7+activation-gelu”: +1.00 points, 95 % interval "
        "+0.80 to +1.20, p < 0.001 after Holm's correction."
    )
    headings = [column.heading for column in columns(rows, design=study.design)]
    assert headings[3:5] == ["Δ reference [95 %]", "reference"]
    assert [drawing.name for drawing in drawings(study, rows)] == [
        "networks",
        "differences",
        "grid",
        "cost",
        "curves",
    ]
